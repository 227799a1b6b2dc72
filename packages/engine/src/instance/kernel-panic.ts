import { open } from 'node:fs/promises';

/** A panic is followed by registers and a trace of its calls. */
const TAIL_BYTES = 65_536;

export interface KernelPanic {
  readonly reason: string;
  /** Up to where the log was looked at. */
  readonly lookedTo: number;
}

/**
 * The reason with which a machine's kernel has given up, if it has: it holds the processor and says nothing more then.
 *
 * @param from what is before this in the log is not looked at
 */
export async function findKernelPanic(consoleLog: string, from = 0): Promise<KernelPanic | undefined> {
  const file = await open(consoleLog).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    // A log that is shorter than it was has been cut.
    const length = Math.min(size < from ? size : size - from, TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const text = buffer.toString('latin1', 0, bytesRead);
    const reason = /^\[ *\d+\.\d+\] Kernel panic - not syncing: ([^\r\n]*)/m.exec(text)?.[1];
    return reason === undefined ? undefined : { reason, lookedTo: size };
  } finally {
    await file.close();
  }
}
