import { IdleSaver } from './idle-saver.ts';
import type { LiveEngine } from './live-engine.ts';
import { MemoryReclaimer } from './memory-reclaimer.ts';
import { processUsage } from './process-usage.ts';
import type { ServeOptions } from './serve-engine.ts';

/**
 * After this time without containers and connections the machine gives up at once all that it remembers of its disks, which
 * QEMU then gives back to the host: half a gigabyte after a start, of which the host remembers the most itself.
 */
const TRIM_SECONDS = 20;

/** What gives memory of a machine back to the host: of one that nobody needs at once, of a quiet one by and by. */
export function giveBack(
  live: LiveEngine,
  { around, settings, isRunning, isNeeded }: ServeOptions,
): { readonly trimmer: IdleSaver; readonly reclaimer: MemoryReclaimer } {
  const { clock, logger } = around;
  const isOn = async () => (await settings()).text('memoryReclaim') !== 'off';
  const onError = (error: unknown) =>
    logger.info("the machine's memory was not given back", { reason: String(error) });
  let isTrimmed = false;
  const trimmer = new IdleSaver({
    clock,
    limitSeconds: async () => ((await isOn()) ? TRIM_SECONDS : 0),
    isBusy: () => {
      const isBusy = !isRunning() || isNeeded();
      if (isBusy) isTrimmed = false;
      return isBusy || isTrimmed;
    },
    onIdle: async () => {
      isTrimmed = true;
      await live.agent.settle({ compact: true });
    },
    onError,
  });
  const reclaimer = new MemoryReclaimer({
    clock,
    isOn,
    measure: async () => {
      if (!isRunning()) return undefined;
      const state = await live.machine.state();
      return state.kind === 'running' ? processUsage(state.process.pid) : undefined;
    },
    reclaim: (bytes) => live.agent.reclaim(bytes),
    onError,
  });
  return { trimmer, reclaimer };
}
