import type { Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { engineError } from '../errors.ts';

export interface DataDisk {
  readonly path: string;
  readonly sizeBytes: number;
  readonly change: 'kept' | 'made' | 'grown';
}

/**
 * Makes the data disk (sparse, 0600), or makes it larger; the machine then makes its file system larger.
 * @throws OrlopError `engine.disk-shrink`
 */
export async function ensureDataDisk(path: string, sizeBytes: number): Promise<DataDisk> {
  const found = await assertNoShrink(path, sizeBytes);
  if (found?.size === sizeBytes) return { path, sizeBytes, change: 'kept' };
  const handle = await open(path, found === undefined ? 'wx' : 'r+', 0o600);
  try {
    await handle.truncate(sizeBytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { path, sizeBytes, change: found === undefined ? 'made' : 'grown' };
}

/** @returns the disk, if there is one. @throws OrlopError `engine.disk-shrink` for one that is larger */
export async function assertNoShrink(
  path: string,
  sizeBytes: number,
  { what = 'the data disk' }: { readonly what?: string } = {},
): Promise<Stats | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.size <= sizeBytes) return found;
  const message = `${what} has ${found.size} bytes, more than the setting disk`;
  throw engineError('engine.disk-shrink', message, {
    hint: 'a disk does not shrink; it takes from the host only what is used: set disk to its size or more',
  });
}

export async function diskUsage(
  path: string,
): Promise<{ readonly sizeBytes: number; readonly usedBytes: number }> {
  const found = await stat(path).catch(() => undefined);
  // st_blocks counts 512 bytes each, whatever the file system's own blocks are (stat(2)).
  return { sizeBytes: found?.size ?? 0, usedBytes: (found?.blocks ?? 0) * 512 };
}
