import { expect, it } from 'vitest';
import { Replica } from './replica.ts';
import type { RawEntry } from './sync-side.ts';

const FOLDERS = 100;

/** A side of a hundred folders with a file each. */
function replicaOf(listed: string[]): Replica {
  const entry = (name: string, kind: 'file' | 'folder'): RawEntry => ({
    ...{ name, kind, mode: 0o755, sizeBytes: 1, hint: '1.1.1', changedMs: 0 },
  });
  const top = Array.from({ length: FOLDERS }, (_, index) => entry(`d${index}`, 'folder'));
  return new Replica({
    side: {
      list: async (folders) => {
        listed.push(...folders);
        return { nowMs: 1e6, folders: folders.map((path) => (path === '' ? top : [entry('f', 'file')])) };
      },
      stat: async (paths) => ({ nowMs: 1e6, entries: paths.map(() => undefined) }),
      digest: async (paths) => paths.map(() => 'a'.repeat(64)),
    },
    excludes: () => false,
    known: () => undefined,
  });
}

it('leaves a look at everything when something urgent comes up, and is as it was before', async () => {
  const listed: string[] = [];
  const replica = replicaOf(listed);
  expect(await replica.scan()).toBe('whole');
  const before = replica.tree;
  listed.length = 0;
  expect(await replica.scan(() => listed.length > 20)).toBe('left');
  expect(listed.length).toBeLessThan(FOLDERS / 2);
  expect(replica.tree).toBe(before);
  expect(await replica.scan()).toBe('whole');
  expect(replica.tree).toEqual(before);
});
