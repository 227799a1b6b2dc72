import type { PortStatus } from '@orlop/api';
import type { HostSide } from '../docker/asked-ports.ts';
import { ContainerWatcher, type ContainerWatcherOptions } from '../docker/container-watcher.ts';
import { MACHINE_PORTS_PORT } from '../docker/machine-ports.ts';
import { PortForwards } from '../docker/port-forwards.ts';
import { whoHasPort } from '../docker/port-holder.ts';
import { PortPublisher } from '../docker/port-publisher.ts';
import { reservePorts } from '../docker/reserve-ports.ts';
import { ShareEvents } from '../files/share-events.ts';
import type { LayeredSettings } from '../settings/layered-settings.ts';
import type { SettingName } from '../settings/schema.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import { giveBack } from './give-back.ts';
import { parseShares } from './guest-configuration.ts';
import { IdleSaver } from './idle-saver.ts';
import type { LiveEngine } from './live-engine.ts';
import { LiveRegistries } from './live-registries.ts';
import { watchMachine } from './machine-watch.ts';

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
  const { around, isRunning } = options;
  const { clock, logger } = around;
  const { agent, docker, network, settings, shares } = live;
  const forwards = portForwards(live, options);
  const publisher = new PortPublisher({
    forwards,
    logger,
    guestAddress: network.guestAddress,
    machinePorts: settings.flag('network.hostPorts'),
    dial: (signal) => network.dial(MACHINE_PORTS_PORT, signal),
  });
  let containers = 0;
  const watcher = containerWatcher(live, {
    logger,
    onSeen: async (seen) => {
      containers = seen.running;
      options.onContainers(seen.running);
      await publisher.see(seen);
    },
  });
  const giving = giveBack(live, options);
  const savers = [giving.trimmer, ...restSavers(options)];
  const events = new ShareEvents({
    ...{ agent, clock, logger, poller: network.opened.poller },
    folders: parseShares(settings.texts('shares')),
    exclude: settings.texts('events.exclude'),
    isWanted: () => containers > 0 && isRunning(),
  });
  events.start();
  shares.start(isRunning, (path) => events.followAnew(path));
  const watch = watchMachine(live, options);
  watch.start();
  giving.reclaimer.start();
  return {
    ...{ live, forwards, watcher, savers, events },
    reservePorts: (container) => reservePorts(container, { watcher, forwards, docker, logger }),
    registries: new LiveRegistries({
      ...{ agent, gatewayAddress: network.gatewayAddress, logger },
      startedWith: live.joined ? undefined : settings,
    }),
    stop: () => {
      events.stop();
      for (const one of [shares, giving.reclaimer, watch, ...savers, watcher, publisher]) one.stop();
    },
  };
}

function portForwards({ network }: LiveEngine, { around, onPort, publisherOf }: ServeOptions): PortForwards {
  const others = 'another engine, or one of its containers that starts';
  return new PortForwards({
    forwards: network.opened.network.forwards,
    routes: network.routes,
    guestAddresses: network.guestAddresses,
    whoHas: (side) => whoHasPort(side, () => publisherOf(side) ?? others),
    promised: (side) => network.promises.take(side),
    onChange: (change, port) => {
      if (change === 'failed') around.logger.warn('a port cannot be published', { problem: port.problem });
      onPort(change, port);
    },
  });
}

function containerWatcher(
  { docker, network, settings }: LiveEngine,
  given: Pick<ContainerWatcherOptions, 'logger' | 'onSeen'>,
): ContainerWatcher {
  const defaultAddress = settings.object('docker.daemon')['ip'];
  return new ContainerWatcher({
    ...given,
    docker,
    ...(typeof defaultAddress === 'string' && { defaultAddress }),
    guestAddress: network.guestAddress,
  });
}

/** Of the processors, then of the whole machine. */
function restSavers({ around, settings, isRunning, isNeeded, onRest }: ServeOptions): IdleSaver[] {
  const { clock, logger } = around;
  const saver = (how: 'sleep' | 'suspend', setting: SettingName, isBusy: () => boolean) =>
    new IdleSaver({
      clock,
      limitSeconds: () => settings().then((now) => now.number(setting)),
      isBusy,
      onIdle: () => onRest(how),
      onError: (error) => logger.warn('the engine could not be put to rest', { how, reason: String(error) }),
    });
  return [
    saver('sleep', 'idle.seconds', () => !isRunning() || isNeeded()),
    saver('suspend', 'idle.suspendSeconds', isNeeded),
  ];
}
