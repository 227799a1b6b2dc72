import type { Duplex } from 'node:stream';
import type { ProcessorWatch } from '../machine.ts';
import { QmpClient, type QmpEvent } from './qmp-client.ts';

/**
 * Tells what becomes of the processors, from a monitor that it owns, until aborted or the monitor closes. A machine that
 * stands still already for want of room on the host is told of at once.
 */
export async function watchProcessors(
  monitor: Duplex,
  { signal, onResume, onDiskFull }: ProcessorWatch,
): Promise<void> {
  const closed = new Promise<void>((resolve) => monitor.once('close', () => resolve()));
  const qmp = await QmpClient.connect(monitor, {
    onEvent: (event) => {
      if (signal.aborted) return;
      if (event.event === 'RESUME') onResume();
      else if (isStopForRoom(event)) onDiskFull();
    },
  });
  const onAbort = () => qmp.close();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  else {
    const stopped = isStoppedForRoom(await qmp.execute('query-status'));
    if (stopped && !signal.aborted) onDiskFull();
  }
  await closed;
  signal.removeEventListener('abort', onAbort);
}

/**
 * Out of QEMU's answer to `query-status`. Other errors of a disk are the guest's to see (`werror=enospc`, QEMU's default):
 * only this one stops the machine.
 */
export function isStoppedForRoom(answer: unknown): boolean {
  return (answer as { readonly status?: string }).status === 'io-error';
}

/** `action` is `report` where the guest is told of the error instead (QEMU: qapi/block-core.json, BLOCK_IO_ERROR). */
function isStopForRoom({ event, data }: QmpEvent): boolean {
  return event === 'BLOCK_IO_ERROR' && data?.['action'] === 'stop' && data['nospace'] === true;
}
