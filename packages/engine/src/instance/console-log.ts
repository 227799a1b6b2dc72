import { open } from 'node:fs/promises';

export interface LogTail {
  readonly text: string;
  /** The log's length. */
  readonly sizeBytes: number;
}

/**
 * The last of a machine's console log, at most `maxBytes`; undefined without one.
 *
 * @param from what is before this in the log is left out
 */
export async function readLogTail(
  path: string,
  { maxBytes, from = 0 }: { readonly maxBytes: number; readonly from?: number },
): Promise<LogTail | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    // A log that is shorter than it was has been cut.
    const length = Math.min(size < from ? size : size - from, maxBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return { text: buffer.toString('utf8', 0, bytesRead), sizeBytes: size };
  } finally {
    await file.close();
  }
}
