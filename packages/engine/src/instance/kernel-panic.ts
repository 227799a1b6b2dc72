import { open } from 'node:fs/promises';

/** A panic is followed by registers and a trace of its calls. */
const TAIL_BYTES = 65_536;

/** The reason with which a machine's kernel has given up, if it has: it holds the processor and says nothing more then. */
export async function findKernelPanic(consoleLog: string): Promise<string | undefined> {
  const file = await open(consoleLog).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const text = buffer.toString('latin1', 0, bytesRead);
    return /^\[ *\d+\.\d+\] Kernel panic - not syncing: ([^\r\n]*)/m.exec(text)?.[1];
  } finally {
    await file.close();
  }
}
