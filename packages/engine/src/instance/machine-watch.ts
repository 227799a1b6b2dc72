import { ClockKeeper } from './clock-keeper.ts';
import { type LiveEngine, setClock } from './live-engine.ts';
import { PanicWatch } from './panic-watch.ts';
import { Pulse } from './pulse.ts';
import type { ServeOptions } from './serve-engine.ts';

/** discard(9): nobody listens there. */
const CLOSED_PORT = 9;

/** What is looked at of a machine for as long as it is served. */
export interface MachineWatch {
  start(): void;
  stop(): void;
}

/** Whether a machine answers, its kernel lives and its clock is right; and what its processors do. */
export function watchMachine(live: LiveEngine, options: ServeOptions): MachineWatch {
  const { around, onDiskFull, onResume } = options;
  const { clock, logger } = around;
  const ended = new AbortController();
  const panics = panicWatch(live, options);
  const pulse = pulseOf(live, options);
  const keeper = new ClockKeeper({
    clock,
    onJump: (jumpMs) => {
      logger.info("the host's clock has jumped; the machine's follows", { engine: options.name, jumpMs });
      setClock(live.agent, around);
    },
  });
  return {
    start: () => {
      const resumed = () => {
        onResume();
        setClock(live.agent, around);
      };
      live.machine
        .watchProcessors({ signal: ended.signal, onResume: resumed, onDiskFull })
        .catch((error: Error) => logger.warn('the machine is not watched', { reason: error.message }));
      keeper.start();
      panics.start();
      pulse.start();
    },
    stop: () => {
      ended.abort();
      keeper.stop();
      panics.stop();
      pulse.stop();
    },
  };
}

function panicWatch(live: LiveEngine, { name, around, isRunning, onPanic }: ServeOptions): PanicWatch {
  const { logger } = around;
  return new PanicWatch({
    consoleLog: live.machine.console.logPath,
    isRunning,
    answers: () =>
      live.agent.usage().then(
        () => true,
        () => false,
      ),
    onPanic: (reason) => {
      logger.error("the machine's kernel gave up", { engine: name, reason });
      onPanic(reason);
    },
    onError: (error) => logger.warn("the machine's console is not watched", { reason: error.message }),
  });
}

function pulseOf(live: LiveEngine, { name, around, isRunning, onSilent }: ServeOptions): Pulse {
  const { clock, logger } = around;
  return new Pulse({
    clock,
    isRunning,
    knock: async (signal) => void (await live.network.dial(CLOSED_PORT, signal)).destroy(),
    onSilent: (sinceMs) => {
      logger.warn('the machine does not answer', { engine: name });
      onSilent(clock.wallMs() - (clock.monotonicMs() - sinceMs));
    },
    onBack: (silentMs, wasTold) => {
      if (wasTold) {
        logger.info('the machine answers again', { engine: name, silentMs: Math.round(silentMs) });
        onSilent(undefined);
      }
      setClock(live.agent, around);
    },
  });
}
