import { readLogTail } from './console-log.ts';

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
  const tail = await readLogTail(consoleLog, { maxBytes: TAIL_BYTES, from });
  const reason = /^\[ *\d+\.\d+\] Kernel panic - not syncing: ([^\r\n]*)/m.exec(tail?.text ?? '')?.[1];
  return tail === undefined || reason === undefined ? undefined : { reason, lookedTo: tail.sizeBytes };
}
