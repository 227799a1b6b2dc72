import { open } from 'node:fs/promises';

/** What the services of a machine say until they are up has room in it, and a panic with its registers and calls. */
const TAIL_BYTES = 65_536;

export interface LogTail {
  readonly text: string;
  /** The log's length. */
  readonly sizeBytes: number;
}

/**
 * The last of a machine's console log; nothing without one.
 *
 * @param from what is before this in the log is left out
 */
export async function readLogTail(path: string, from = 0): Promise<LogTail> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return { text: '', sizeBytes: 0 };
  try {
    const { size } = await file.stat();
    // A log that is shorter than it was has been cut.
    const length = Math.min(size < from ? size : size - from, TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return { text: buffer.toString('utf8', 0, bytesRead), sizeBytes: size };
  } finally {
    await file.close();
  }
}
