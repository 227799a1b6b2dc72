import { describe, expect, it } from 'vitest';
import { type Lock, mergeLocks, parseLock, printLock } from './lock-file.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}` as const;
const lock = (
  source: string,
  platforms: Readonly<Record<string, string>>,
  reference = 'docker.io/a/b:1',
): Lock =>
  new Map([
    [
      reference,
      {
        source: digest(source),
        platforms: new Map(Object.entries(platforms).map(([name, digit]) => [name, digest(digit)])),
      },
    ],
  ]);

describe('printLock', () => {
  it('writes what parseLock reads, in an order that does not depend on the lock', () => {
    const ab = mergeLocks(lock('1', { 'linux/arm64': '2' }, 'a:1'), lock('3', { 'linux/amd64': '4' }, 'b:1'));
    const ba = mergeLocks(lock('3', { 'linux/amd64': '4' }, 'b:1'), lock('1', { 'linux/arm64': '2' }, 'a:1'));
    expect(printLock(ab)).toBe(printLock(ba));
    expect(parseLock(printLock(ab), 'x.lock.yml')).toEqual(ab);
  });
});

describe('mergeLocks', () => {
  it('joins the platforms of an image, the later lock counting', () => {
    const merged = mergeLocks(lock('1', { x: '2', y: '3' }), lock('4', { y: '5', z: '6' }));
    expect(merged).toEqual(lock('4', { x: '2', y: '5', z: '6' }));
  });
});

describe('parseLock', () => {
  it.each([
    ['lockVersion: 2\nimages: {}\n', 'x:1:14'],
    ['lockVersion: 1\nimages: {a: {source: sha256:1, platforms: {}}}\n', 'is no digest'],
    ['lockVersion: 1\n', '"images" is missing'],
    ['[', ''],
  ])('refuses %j with a place', (text, expected) => {
    let problems = '';
    try {
      parseLock(text, 'x');
    } catch (error) {
      const list = (error as { problems: { message: string; position: { line: number; column: number } }[] })
        .problems;
      problems = list
        .map(({ message, position }) => `x:${position.line}:${position.column}: ${message}`)
        .join();
    }
    expect(problems).toContain(expected);
    expect(problems).not.toBe('');
  });
});
