import type { HostSide } from '../docker/asked-ports.ts';
import { loadSettings } from '../settings/load-settings.ts';
import type { EngineSyncs } from '../sync/engine-syncs.ts';
import { COMMAND_PORT, commandSocket } from './command-socket.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import { hostSocket } from './host-socket.ts';
import type { InstancePaths } from './instance-paths.ts';
import type { KeptSocket } from './kept-socket.ts';
import type { LifeState } from './life-state.ts';
import type { LiveEngine } from './live-engine.ts';
import { type Running, serveEngine } from './serve-engine.ts';
import { StalledMachine } from './stalled-machine.ts';
import { LIMIT_MS } from './start-input.ts';
import { dockerVersion } from './wait-for-docker.ts';

export interface ServedEngineOptions {
  readonly state: LifeState;
  readonly paths: InstancePaths;
  readonly syncs: EngineSyncs;
  readonly around: EngineSurroundings;
  /** The container of another engine that has a port of the host. */
  readonly publisherOf: (side: HostSide) => string | undefined;
  /** The engine, woken where it rests. */
  readonly awake: () => Promise<LiveEngine>;
  readonly onRest: (how: 'sleep' | 'suspend') => Promise<void>;
  /** The machine's kernel has given up, and holds the processor. */
  readonly onPanic: (reason: string) => void;
}

/** What the host has of an engine: its sockets, its ports, its synchronised shares. The sockets outlive rests. */
export class ServedEngine {
  readonly stalled: StalledMachine;
  readonly #options: ServedEngineOptions;
  readonly #docker: KeptSocket;
  readonly #commands: KeptSocket;
  #running: Running | undefined;
  #containers = 0;
  /** The setting, as the engine was started with it; it has them while it rests, too. */
  #shares: readonly string[] = [];

  constructor(options: ServedEngineOptions) {
    this.#options = options;
    const { state, paths, syncs, around, awake } = options;
    this.#docker = hostSocket({
      path: paths.dockerSocket,
      logger: around.logger,
      open: async (signal) => (await awake()).docker.open(signal),
      shares: () => this.#shares,
      settlePorts: async () => this.#running?.watcher.look(),
      reservePorts: async (container) => this.#running?.reservePorts(container) ?? (() => undefined),
      copies: () => syncs.folders,
      engineShares: () => this.#running?.live.shares,
      onCount: () => this.touch(),
    });
    this.#commands = commandSocket({
      path: paths.commandSocket,
      logger: around.logger,
      open: async (signal) => {
        const { network, token } = await awake();
        return { stream: await network.dial(COMMAND_PORT, signal), token };
      },
      onCount: () => this.touch(),
    });
    this.stalled = new StalledMachine({
      state,
      dataDisk: paths.dataDisk,
      logger: around.logger,
      machine: () => this.#running?.live.machine,
    });
  }

  /** Of Docker clients. */
  get connections(): number {
    return this.#docker.connections;
  }

  get running(): Running | undefined {
    return this.#running;
  }

  /** Opens ports and socket; {@link running} is there from the first step of it. */
  async open(live: LiveEngine): Promise<void> {
    const { state, paths, syncs, around, onRest, onPanic, publisherOf } = this.#options;
    let onStill = () => {};
    const stands = new Promise<void>((resolve) => {
      onStill = resolve;
    });
    const running = serveEngine(live, {
      name: state.name,
      around,
      onPort: (change, port) =>
        state.emit({ kind: 'port', engine: state.name, at: state.now(), change, port }),
      onContainers: (count) => {
        this.#containers = count;
      },
      settings: () => loadSettings(paths),
      isRunning: () => state.current.kind === 'running',
      isNeeded: () =>
        state.current.kind === 'stalled' ||
        this.#containers + this.#docker.connections + this.#commands.connections > 0,
      onRest,
      onPanic,
      onSilent: (sinceMs) => state.silent(sinceMs),
      publisherOf,
      onResume: () => {
        if (this.stalled.onResume()) void this.#catchUp();
      },
      onDiskFull: () => {
        onStill();
        void this.stalled.onDiskFull();
      },
    });
    this.#running = running;
    this.#shares = live.settings.texts('shares');
    await syncs.attach(live, () => state.current.kind !== 'asleep' && state.current.kind !== 'stalled');
    // A machine that stands still does not answer.
    if (live.dockerVersion !== undefined) await Promise.race([running.watcher.look(), stands]);
    void running.watcher.run();
    await this.listen();
    for (const saver of running.savers) saver.start();
  }

  /** Has its sockets on the host, whether it runs or rests. */
  async listen(): Promise<void> {
    await this.#docker.listen();
    await this.#commands.listen();
  }

  /** Ends what others have under way with it. */
  drop(): void {
    this.#docker.drop();
    this.#commands.drop();
  }

  /** What could not be done when a machine was joined that stood still. */
  async #catchUp(): Promise<void> {
    const running = this.#running;
    if (running === undefined || running.live.dockerVersion !== undefined) return;
    const { docker, shares } = running.live;
    try {
      const version = await dockerVersion(docker, AbortSignal.timeout(LIMIT_MS.again));
      if (this.#running !== running) return;
      this.#running = { ...running, live: { ...running.live, dockerVersion: version } };
      await shares.mend();
    } catch (error) {
      this.#options.around.logger.warn('the machine that stood still does not answer', {
        reason: String(error),
      });
    }
  }

  /** Somebody needs the engine now. */
  touch(): void {
    for (const saver of this.#running?.savers ?? []) saver.touch();
  }

  /** Before the machine is powered off: what only it has goes to the host. */
  async settle(limitMs: number): Promise<void> {
    await this.#options.syncs.settle(limitMs);
  }

  /** Lets go of the machine. Harmless when there is none. */
  async close({
    keepSockets = false,
    keepClients = false,
    answerWaiting = false,
  }: {
    readonly keepSockets?: boolean;
    /** Those that wait are answered by who has opened for them. @default false */
    readonly keepClients?: boolean;
    /** Those that wait are told that it does not run, once that is its state. @default false */
    readonly answerWaiting?: boolean;
  } = {}): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    this.#containers = 0;
    this.stalled.stop();
    running?.stop();
    await this.#options.syncs.detach();
    if (keepSockets) this.drop();
    else if (!keepClients)
      await Promise.all([this.#docker.close({ answerWaiting }), this.#commands.close({ answerWaiting })]);
    running?.live.network.close();
  }
}
