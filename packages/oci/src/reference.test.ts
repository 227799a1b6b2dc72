import { describe, expect, it } from 'vitest';
import { expandReference, familiarReference, formatReference, parseReference } from './reference.ts';

const hex = 'a'.repeat(64);

describe('expandReference', () => {
  it.each([
    ['redis', 'docker.io/library/redis:latest'],
    ['redis:8', 'docker.io/library/redis:8'],
    ['linuxkit/init:v1', 'docker.io/linuxkit/init:v1'],
    ['docker.io/redis', 'docker.io/library/redis:latest'],
    ['index.docker.io/library/redis', 'docker.io/library/redis:latest'],
    ['localhost/redis', 'localhost/redis:latest'],
    ['localhost:5000/a/b:1', 'localhost:5000/a/b:1'],
    ['quay.example/a/b/c', 'quay.example/a/b/c:latest'],
    ['[::1]:5000/a', '[::1]:5000/a:latest'],
    ['EXAMPLE/a', 'EXAMPLE/a:latest'],
    [`redis@sha256:${hex}`, `docker.io/library/redis@sha256:${hex}`],
    [`redis:8@sha256:${hex}`, `docker.io/library/redis:8@sha256:${hex}`],
    ['a__b/c-d.e--f', 'docker.io/a__b/c-d.e--f:latest'],
  ])('makes %s %s', (short, full) => {
    expect(expandReference(short)).toBe(full);
    expect(expandReference(full)).toBe(full);
  });
});

describe('parseReference', () => {
  it.each([
    ['', 'a part of the name is empty'],
    ['Redis', '"Redis" has upper-case letters'],
    ['a//b', 'a part of the name is empty'],
    ['a/b:', '"" is no tag'],
    ['a:b:c', '"a:b" has characters'],
    ['a:-x', '"-x" is no tag'],
    ['a@sha256:12', '"sha256:12" is no sha256 or sha512 digest'],
    ['a b', '"a b" has characters'],
    ['-a.b/c', '"-a.b" is no host name'],
    ['a_', '"a_" has characters'],
    [`x/${'a'.repeat(300)}`, 'over 255 characters'],
    ['a\u001b[31m', 'has characters'],
  ])('refuses %j: %s', (text, why) => {
    expect(() => parseReference(text)).toThrow(why);
    expect(() => parseReference(text)).toThrow(JSON.stringify(text));
  });

  it('is undone by formatReference', () => {
    const text = `a.example:1/b/c:d@sha256:${hex}`;
    expect(formatReference(parseReference(text))).toBe(text);
  });
});

describe('familiarReference', () => {
  it('leaves out what Docker leaves out', () => {
    const familiar = (text: string) => familiarReference(parseReference(text));
    expect([familiar('redis:8'), familiar('a/b:1'), familiar('x.example/a:1')]).toEqual([
      'redis:8',
      'a/b:1',
      'x.example/a:1',
    ]);
  });
});
