import { describe, expect, it } from 'vitest';
import * as inotify from './inotify-events.ts';
import { MAX_BATCH_BYTES, tellKernel } from './kernel-events.ts';
import type { Change } from './tree-watcher.ts';

function changeOf(path: string, mask: number, more: Partial<Change> = {}): Change {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return { root: '/s', path, name, folderInode: 0xfan, mask, cookie: 0, ...more };
}

/** Tells a machine with five watches; the batches as it reads them, NUL as a line's end. */
async function told(...changes: readonly Change[]) {
  const batches: Uint8Array[] = [];
  let looks = 0;
  const watched = await tellKernel(changes, {
    inode: async (path) => {
      looks++;
      return path.endsWith('gone') ? undefined : 0x1bn;
    },
    notify: async (batch) => {
      batches.push(batch);
      return 5;
    },
  });
  const lines = batches.map((batch) => Buffer.from(batch).toString('latin1').replaceAll('\0', '\n'));
  return { watched, batches, lines, looks };
}

describe('tellKernel', () => {
  it('gives the share, then each event with the inodes of folder and file', async () => {
    const { lines, watched, looks } = await told(
      changeOf('/s/f/a', inotify.IN_CREATE),
      changeOf('/s/f/a', inotify.IN_MODIFY),
      changeOf('/s/f/d', inotify.IN_DELETE | inotify.IN_ISDIR, { inode: 0x2cn }),
      changeOf('/s/f/gone', inotify.IN_CLOSE_WRITE),
    );
    expect(lines).toEqual(['share /s\n100 0 fa 1b a\n2 0 fa 1b a\n40000200 0 fa 2c d\n8 0 fa 0 gone\n']);
    expect(watched).toBe(5);
    expect(looks).toBe(2);
  });

  it('names a share once until another one follows', async () => {
    const { lines } = await told(
      changeOf('/s/a', inotify.IN_MODIFY),
      changeOf('/t/b', inotify.IN_MODIFY, { root: '/t' }),
    );
    expect(lines[0]).toBe('share /s\n2 0 fa 1b a\nshare /t\n2 0 fa 1b b\n');
  });

  it('tells of a folder as a whole by its own inode alone', async () => {
    const { lines } = await told(changeOf('/s', inotify.IN_ATTRIB | inotify.IN_ISDIR, { name: '' }));
    expect(lines[0]).toBe('share /s\n40000004 0 0 1b \n');
  });

  it('gives names byte by byte, whatever they are', async () => {
    const { batches } = await told(changeOf('/s/\xff\n\xfc', inotify.IN_CREATE));
    expect(Buffer.from(batches[0] ?? []).subarray(-4)).toEqual(Buffer.from([0xff, 0x0a, 0xfc, 0]));
  });

  it('leaves out what is in a folder that was moved, as Linux does', async () => {
    expect((await told(changeOf('/s/a', inotify.IN_CREATE, { found: 'moved' }))).lines).toEqual([]);
    expect((await told(changeOf('/s/a', inotify.IN_CREATE, { found: 'made' }))).lines.length).toBe(1);
  });

  it('keeps batches as small as the module takes them, each with its share, and a move in one', async () => {
    const changes = Array.from({ length: 20_000 }, (_, index) => [
      changeOf(`/s/${'n'.repeat(20)}${index}`, inotify.IN_MOVED_FROM, { cookie: index + 1 }),
      changeOf(`/s/${'m'.repeat(20)}${index}`, inotify.IN_MOVED_TO, { cookie: index + 1 }),
    ]).flat();
    const { batches, lines } = await told(...changes);
    expect(batches.length).toBeGreaterThan(4);
    for (const batch of batches) expect(batch.length).toBeLessThanOrEqual(MAX_BATCH_BYTES);
    for (const text of lines) {
      const records = text.trimEnd().split('\n');
      expect(records.shift()).toBe('share /s');
      expect(records.length % 2).toBe(0);
    }
    expect(lines.join('').match(/n{20}/g)?.length).toBe(20_000);
  });
});
