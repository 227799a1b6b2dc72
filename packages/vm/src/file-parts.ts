import { type FileHandle, open } from 'node:fs/promises';

/** @returns undefined when there is no such file */
export async function withFile<T>(
  path: string,
  use: (file: FileHandle) => Promise<T>,
): Promise<T | undefined> {
  const file = await open(path).catch(() => undefined);
  try {
    return file === undefined ? undefined : await use(file);
  } finally {
    await file?.close();
  }
}

/** Fewer bytes than asked for at the end of the file. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
