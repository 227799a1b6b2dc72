import type { PortStatus } from '@orlop/api';
import type { HostSide } from '../docker/asked-ports.ts';
import { ContainerWatcher } from '../docker/container-watcher.ts';
import { MACHINE_PORTS_PORT } from '../docker/machine-ports.ts';
import { PortForwards } from '../docker/port-forwards.ts';
import { whoHasPort } from '../docker/port-holder.ts';
import { PortPublisher } from '../docker/port-publisher.ts';
import { reservePorts } from '../docker/reserve-ports.ts';
import { ShareEvents } from '../files/share-events.ts';
import type { LayeredSettings } from '../settings/layered-settings.ts';
import type { SettingName } from '../settings/schema.ts';
import { ClockKeeper } from './clock-keeper.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import { giveBack } from './give-back.ts';
import { parseShares } from './guest-configuration.ts';
import { IdleSaver } from './idle-saver.ts';
import { type LiveEngine, setClock } from './live-engine.ts';
import { LiveRegistries } from './live-registries.ts';
import { PanicWatch } from './panic-watch.ts';
import { Pulse } from './pulse.ts';

/** discard(9): nobody listens there. */
const CLOSED_PORT = 9;

/** Everything that belongs to one running engine and ends with it. */
export interface Running {
  readonly live: LiveEngine;
  readonly forwards: PortForwards;
  readonly watcher: ContainerWatcher;
  /** What asks for rest when nobody needs the engine: its memory's first, then the processors', then the whole machine's. */
  readonly savers: readonly IdleSaver[];
  readonly events: ShareEvents;
  /** @see {@link reservePorts} */
  reservePorts(container: string): Promise<() => void>;
  readonly registries: LiveRegistries;
  stop(): void;
}

export interface ServeOptions {
  readonly name: string;
  readonly around: EngineSurroundings;
  readonly onPort: (change: 'open' | 'closed' | 'failed', port: PortStatus) => void;
  readonly onContainers: (running: number) => void;
  /** As they are now. */
  readonly settings: () => Promise<LayeredSettings>;
  /** The container of another engine of this daemon that has a port of the host. */
  readonly publisherOf: (side: HostSide) => string | undefined;
  /** Whether somebody needs it, in whatever state it is. */
  readonly isNeeded: () => boolean;
  readonly isRunning: () => boolean;
  readonly onRest: (how: 'sleep' | 'suspend') => Promise<void>;
  /** The processors run again, whoever let them. */
  readonly onResume: () => void;
  /** The processors stand still for want of room on the host. */
  readonly onDiskFull: () => void;
  /** The machine's kernel has given up. */
  readonly onPanic: (reason: string) => void;
  /** The machine does not answer, since then of the wall clock; or does again: `undefined`. */
  readonly onSilent: (sinceMs: number | undefined) => void;
}

/** What runs beside an engine: its ports, its clock, its rest. Nothing has begun yet but what `look` of the watcher needs. */
export function serveEngine(live: LiveEngine, options: ServeOptions): Running {
  const { name, around, onPort, onContainers } = options;
  const { clock, logger } = around;
  const forwards = new PortForwards({
    forwards: live.network.opened.network.forwards,
    routes: live.network.routes,
    guestAddresses: live.network.guestAddresses,
    whoHas: (side) =>
      whoHasPort(
        side,
        () => options.publisherOf(side) ?? 'another engine, or one of its containers that starts',
      ),
    promised: (side) => live.network.promises.take(side),
    onChange: (change, port) => {
      if (change === 'failed') logger.warn('a port cannot be published', { problem: port.problem });
      onPort(change, port);
    },
  });
  const publisher = new PortPublisher({
    forwards,
    logger,
    guestAddress: live.network.guestAddress,
    machinePorts: live.settings.flag('network.hostPorts'),
    dial: (signal) => live.network.dial(MACHINE_PORTS_PORT, signal),
  });
  let containers = 0;
  const defaultAddress = live.settings.object('docker.daemon')['ip'];
  const watcher = new ContainerWatcher({
    docker: live.docker,
    ...(typeof defaultAddress === 'string' && { defaultAddress }),
    guestAddress: live.network.guestAddress,
    logger,
    onSeen: async (seen) => {
      containers = seen.running;
      onContainers(seen.running);
      await publisher.see(seen);
    },
  });
  const giving = giveBack(live, options);
  const saver = (how: 'sleep' | 'suspend', setting: SettingName, isBusy: () => boolean) =>
    new IdleSaver({
      clock,
      limitSeconds: () => options.settings().then((settings) => settings.number(setting)),
      isBusy,
      onIdle: () => options.onRest(how),
      onError: (error) => logger.warn('the engine could not be put to rest', { how, reason: String(error) }),
    });
  const savers = [
    giving.trimmer,
    saver('sleep', 'idle.seconds', () => !options.isRunning() || options.isNeeded()),
    saver('suspend', 'idle.suspendSeconds', options.isNeeded),
  ];
  const events = new ShareEvents({
    folders: parseShares(live.settings.texts('shares')),
    exclude: live.settings.texts('events.exclude'),
    agent: live.agent,
    poller: live.network.opened.poller,
    isWanted: () => containers > 0 && options.isRunning(),
    clock,
    logger,
  });
  events.start();
  live.shares.start(options.isRunning, (path) => events.followAnew(path));
  const ended = new AbortController();
  const panics = new PanicWatch({
    consoleLog: live.machine.console.logPath,
    isRunning: options.isRunning,
    answers: () =>
      live.agent.usage().then(
        () => true,
        () => false,
      ),
    onPanic: (reason) => {
      logger.error("the machine's kernel gave up", { engine: name, reason });
      options.onPanic(reason);
    },
    onError: (error) => logger.warn("the machine's console is not watched", { reason: error.message }),
  });
  const pulse = new Pulse({
    clock,
    isRunning: options.isRunning,
    knock: async (signal) => void (await live.network.dial(CLOSED_PORT, signal)).destroy(),
    onSilent: (sinceMs) => {
      logger.warn('the machine does not answer', { engine: name });
      options.onSilent(clock.wallMs() - (clock.monotonicMs() - sinceMs));
    },
    onBack: (silentMs, wasTold) => {
      if (wasTold) {
        logger.info('the machine answers again', { engine: name, silentMs: Math.round(silentMs) });
        options.onSilent(undefined);
      }
      setClock(live.agent, around);
    },
  });
  const keeper = new ClockKeeper({
    clock,
    onJump: (jumpMs) => {
      logger.info("the host's clock has jumped; the machine's follows", { engine: name, jumpMs });
      setClock(live.agent, around);
    },
  });
  live.machine
    .watchProcessors({
      signal: ended.signal,
      onResume: () => {
        options.onResume();
        setClock(live.agent, around);
      },
      onDiskFull: options.onDiskFull,
    })
    .catch((error: Error) => logger.warn('the machine is not watched', { reason: error.message }));
  keeper.start();
  giving.reclaimer.start();
  panics.start();
  pulse.start();
  return {
    live,
    forwards,
    watcher,
    reservePorts: (container) => reservePorts(container, { watcher, forwards, docker: live.docker, logger }),
    savers,
    events,
    registries: new LiveRegistries({
      ...{ agent: live.agent, gatewayAddress: live.network.gatewayAddress, logger },
      startedWith: live.joined ? undefined : live.settings,
    }),
    stop: () => {
      ended.abort();
      events.stop();
      live.shares.stop();
      keeper.stop();
      giving.reclaimer.stop();
      panics.stop();
      pulse.stop();
      for (const one of savers) one.stop();
      watcher.stop();
      publisher.stop();
    },
  };
}
