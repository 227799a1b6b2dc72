/**
 * The reason with which a machine's kernel has given up, if it has: it holds the processor and says nothing more then.
 *
 * @param said on its console, of late
 */
export function findKernelPanic(said: string): string | undefined {
  return /^\[ *\d+\.\d+\] Kernel panic - not syncing: ([^\r\n]*)/m.exec(said)?.[1];
}
