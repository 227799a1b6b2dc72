import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AppendedFile, WriteBehind } from './write-behind.ts';

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('write-behind');
});
afterAll(() => folder.remove());

/** A file that takes less than it is given, as a file system that is about to be full. */
function stingy(file: FileHandle): AppendedFile {
  return {
    writev: (pieces) => {
      const all = Buffer.concat(pieces);
      return file.write(all, 0, Math.ceil(all.length / 3));
    },
    write: (piece, at) => file.write(piece, at, Math.min(piece.length - at, Math.ceil(piece.length / 2))),
  };
}

describe('WriteBehind', () => {
  it.each([
    { name: 'a file', of: (file: FileHandle) => file },
    { name: 'a file that takes less at a time than it is given', of: stingy },
  ])('appends every piece once and in order to $name', async ({ of }) => {
    const random = seededRandom(8);
    const pieces = Array.from({ length: 1500 }, (_, i) => {
      const piece = new Uint8Array(i % 97 === 0 ? 700_000 : random.u32() % 900);
      random.fill(piece);
      return piece;
    });
    const path = join(folder.path, 'file');
    const file = await open(path, 'w');
    const writer = new WriteBehind(of(file));
    for (const piece of pieces) await writer.add(piece);
    await writer.end();
    await file.close();
    expect((await readFile(path)).equals(Buffer.concat(pieces))).toBe(true);
  });

  it('says what a write failed with, at the latest at the end', async () => {
    const file = await open('/dev/full', 'w');
    const writer = new WriteBehind(file);
    await writer.add(new Uint8Array(10));
    await expect(writer.end()).rejects.toMatchObject({ code: 'ENOSPC' });
    await file.close();
  });
});
