import { execFileSync } from 'node:child_process';
import { closeSync, createWriteStream, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeSparseTar } from './sparse-tar.ts';

describe('writeSparseTar', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder('sparse-tar');
  });
  afterEach(() => folder.remove());

  it.each([
    { title: 'nothing but a hole', sizeBytes: 5 << 20, runs: [] },
    { title: 'two runs and a hole at the end', sizeBytes: 5 << 20, runs: [0, 2 << 20] },
    {
      title: 'more runs than a header and an extension hold, beyond 8 GiB',
      sizeBytes: 9 * 2 ** 30 + 1000,
      runs: [...Array.from({ length: 60 }, (_, i) => i * 150 * 2 ** 20), 9 * 2 ** 30],
    },
  ])(
    'makes an archive from which tar and Python give the same file back: $title',
    async ({ sizeBytes, runs }) => {
      const pattern = (offset: number, into: Uint8Array) => {
        for (let i = 0; i < into.length; i++) into[i] = 1 + ((offset + i) % 251);
      };
      const length = (offset: number) => Math.min(8192, sizeBytes - offset);
      const archive = join(folder.path, 'sparse.tar');
      const header = { name: 'disk.raw', mode: 0o640, uid: 7, gid: 8, mtime: 1_492_532_000 };
      await pipeline(
        writeSparseTar(header, {
          sizeBytes,
          runs: runs.map((offset) => ({ offset, length: length(offset) })),
          read: async (offset, into) => pattern(offset, into),
        }),
        createWriteStream(archive),
      );
      expect(statSync(archive).size).toBeLessThan(1 << 20);
      execFileSync('tar', ['-xf', archive, '-C', folder.path]);
      const unpacked = join(folder.path, 'disk.raw');
      const { size, blocks, mode, mtimeMs } = statSync(unpacked);
      expect([size, mode & 0o777, mtimeMs]).toEqual([sizeBytes, 0o640, 1_492_532_000_000]);
      expect(blocks * 512).toBeLessThan(2 << 20);
      const python = [
        'import sys, tarfile',
        'member = tarfile.open(sys.argv[1]).next()',
        'print(member.name, member.size, [run for run in member.sparse if run[1] > 0])',
      ].join('\n');
      const wanted = runs.map((offset) => `(${offset}, ${length(offset)})`).join(', ');
      expect(execFileSync('python3', ['-c', python, archive], { encoding: 'utf8' }).trim()).toBe(
        `disk.raw ${sizeBytes} [${wanted}]`,
      );
      const file = openSync(unpacked, 'r');
      for (const offset of runs) {
        const [found, expected] = [Buffer.alloc(length(offset)), Buffer.alloc(length(offset))];
        readSync(file, found, 0, found.length, offset);
        pattern(offset, expected);
        expect(found.equals(expected), `${offset}`).toBe(true);
      }
      closeSync(file);
    },
  );
});
