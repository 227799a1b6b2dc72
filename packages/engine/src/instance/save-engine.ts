import { type Logger, OrlopError } from '@orlop/core';
import type { SavedState } from '@orlop/vm';
import { engineError } from '../errors.ts';
import type { LiveEngine } from './live-engine.ts';

/**
 * Keeps a running engine's memory and devices in a file, and ends its machine. What its programs had written is on the data
 * disk before that, so a state that cannot be used later costs no more than a power cut.
 *
 * @throws OrlopError `engine.cannot-suspend`; the engine runs on then
 */
export async function saveEngine(live: LiveEngine, logger: Logger): Promise<SavedState> {
  const { agent, machine, shares } = live;
  await machine.resume(); // it may be asleep
  // QEMU's virtiofs devices have no state that could be kept (hw/virtio/vhost-user-fs.c: unmigratable).
  await shares.takeAway();
  await agent
    .settle()
    .catch((error: Error) =>
      logger.warn('the machine is saved with all that it remembers of its disk', { reason: error.message }),
    );
  try {
    return await machine.save();
  } catch (cause) {
    await shares.bringBack();
    if (!(cause instanceof OrlopError)) throw cause;
    throw engineError('engine.cannot-suspend', `the engine cannot be suspended: ${cause.message}`, { cause });
  }
}
