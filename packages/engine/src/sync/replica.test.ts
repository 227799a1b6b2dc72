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

it('reads a file again that may have changed within one tick of the clock, whatever was known of it', async () => {
  const digest = { now: 'a'.repeat(64) };
  const file: RawEntry = {
    ...{ name: 'f', kind: 'file', mode: 0o644, sizeBytes: 1, hint: '1.1.1', changedMs: 1e6 },
  };
  let nowMs = 1e6 + 1;
  const replica = new Replica({
    side: {
      list: async () => ({ nowMs, folders: [[file]] }),
      stat: async () => ({ nowMs, entries: [] }),
      digest: async (paths) => paths.map(() => digest.now),
    },
    excludes: () => false,
    // What both sides have agreed on after the first look.
    known: () => (nowMs === 1e6 + 1 ? undefined : 'a'.repeat(64)),
  });
  await replica.scan();
  digest.now = 'b'.repeat(64);
  nowMs += 5000;
  await replica.scan();
  expect(replica.tree.children.get('f')).toMatchObject({ digest: digest.now });
});
