import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OrlopError } from '@orlop/core';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { type JsonSchema, NETWORK_SCHEMA } from '@orlop/vnet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contextIn } from '../testing/command-under-test.ts';
import { readNetworkFile } from './net-config.ts';

/** As YAML has them on one line. */
const VALUES = [
  '~',
  '0',
  '-1',
  '1.5',
  '1e99',
  '.nan',
  'true',
  'false',
  '""',
  'x',
  '"\\u0000"',
  '2001-01-01',
  '[]',
  '[~]',
  '[0]',
  '[""]',
  '[[]]',
  '[{}]',
  '{}',
  '{a: ~}',
  '{"": 1}',
  `"${'y'.repeat(70_000)}"`,
];

interface Place {
  /** Lines before the key that is tried, which is on the last one. */
  readonly lines: readonly string[];
  readonly key: string;
}

/** What else a mapping must have, so that the key under test is what is wrong. */
const BESIDE: Readonly<Record<string, string>> = {
  name: 'a',
  type: 'A',
  value: '10.0.0.1',
  pattern: '^a',
  address: '192.168.127.9',
  mac: '5a:94:ef:00:00:09',
  to: '10.9.0.0/24',
  via: '192.168.127.9',
  action: 'deny',
  file: 'a',
};

/** Every key of the schema, each in a document that has what is around it. */
function* places(schema: JsonSchema, indent = '', around: readonly string[] = []): Generator<Place> {
  for (const [key, one] of Object.entries(schema.properties ?? {})) {
    const required = (schema.required ?? []).filter((other) => other !== key);
    const beside = required.map((other) => `${indent}${other}: ${BESIDE[other]}`);
    const lines = [...around, ...beside, `${indent}${key}:`];
    yield { lines, key };
    if (one.properties !== undefined) yield* places(one, `${indent}  `, lines);
    if (one.items?.properties !== undefined)
      yield* places(one.items, `${indent}    `, [...lines, `${indent}  -`]);
  }
}

describe('readNetworkFile', () => {
  let folder: TemporaryFolder;

  beforeAll(async () => {
    folder = await temporaryFolder('net-config');
  });

  afterAll(() => folder.remove());

  it.each(
    [...places(NETWORK_SCHEMA)].map(
      (place) => [place.lines.map((line) => line.trim()).join(' '), place] as const,
    ),
  )('takes each value of %s, or says by line what is wrong with it', async (_, { lines, key }) => {
    const path = join(folder.path, 'network.yml');
    const wrong: string[] = [];
    for (const value of VALUES) {
      await writeFile(path, `# a network\n${lines.join('\n')} ${value}\n`);
      const outcome = await readNetworkFile(contextIn(folder.path), path).catch((error: unknown) => error);
      if (!(outcome instanceof Error)) continue;
      const problems = outcome instanceof OrlopError ? outcome.problems : [];
      const here = problems.filter(({ position }) => position?.line === lines.length + 1);
      const isTold = ({ message }: { message: string }) =>
        message.includes(key) || /^zones\[0\]\.|unknown key/.test(message);
      if (here.length === problems.length && here.length > 0 && here.every(isTold)) continue;
      // A record of a zone is told as a whole, where it begins.
      const inRecord = lines.some((line) => /records:|patterns:/.test(line));
      if (inRecord && problems.length > 0 && problems.every(({ message }) => message.startsWith('zones[0].')))
        continue;
      const told = problems.map(({ message, position }) => `${position?.line}: ${message.slice(0, 200)}`);
      wrong.push(`${key}: ${value.slice(0, 20)} → ${told.join(' | ') || outcome.message.slice(0, 200)}`);
    }
    expect(wrong).toEqual([]);
  });

  it.each([
    ['an alias without an anchor', 'mtu: *none\n', 1, /Unresolved alias/],
    ['aliases that multiply', 'a: &a [x, x]\n'.concat(aliases(20)), 1, /Excessive alias count/],
    ['a second document', '---\nmtu: 1500\n---\nmtu: 1400\n', 3, /^a second document begins here$/],
  ])('says of %s where the file is wrong', async (_, text, line, message) => {
    const path = join(folder.path, 'odd.yml');
    await writeFile(path, text);
    const problem = expect.objectContaining({
      message: expect.stringMatching(message),
      position: expect.objectContaining({ line }),
    });
    await expect(readNetworkFile(contextIn(folder.path), path)).rejects.toMatchObject({
      code: 'net.config-invalid',
      problems: [problem],
    });
  });
});

/** Each line twice as much as the one before. */
function aliases(count: number): string {
  const name = (index: number) => (index === 0 ? 'a' : `a${index}`);
  return Array.from(
    { length: count },
    (_, i) => `${name(i + 1)}: &${name(i + 1)} [*${name(i)}, *${name(i)}]\n`,
  ).join('');
}
