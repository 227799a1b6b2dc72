import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@orlop/core';
import { OneAtATime } from '../one-at-a-time.ts';
import { type AskedPorts, askedPorts, type Inspection } from './asked-ports.ts';
import { readContainerEvent } from './container-events.ts';
import type { DockerChannel } from './docker-channel.ts';
import {
  type ContainerSummary,
  containerSubnets,
  containersOnMachineNetwork,
  type NetworkSummary,
  type PublishedPort,
  publishedPorts,
  publishingNetworks,
  type ServiceSummary,
  servicePorts,
} from './published-ports.ts';

export interface ContainersSeen {
  readonly running: number;
  readonly ports: readonly PublishedPort[];
  readonly subnets: readonly string[];
  /** Names of those on the machine's own network (`--net=host`), by their full identifiers. */
  readonly onMachineNetwork: ReadonlyMap<string, string>;
}

interface NetworksSeen {
  readonly subnets: readonly string[];
  /** Identifiers of those that ports are published through. */
  readonly publishing: ReadonlySet<string>;
  /** What a swarm's services publish. */
  readonly services: readonly PublishedPort[];
}

export interface ContainerWatcherOptions {
  readonly docker: DockerChannel;
  readonly guestAddress: string;
  readonly logger: Logger;
  /** dockerd's setting `ip`. @default all of them */
  readonly defaultAddress?: string | undefined;
  /** Given what there is after each change, one call at a time. */
  readonly onSeen: (seen: ContainersSeen) => Promise<void>;
}

const FILTERS = encodeURIComponent(JSON.stringify({ type: ['container', 'network', 'service'] }));
const RECONNECT_MS = 250;
/** Ports that another program had are tried again. */
const RETRY_MS = 10_000;
/** At every so many of these what was missed is found: two connections of TLS to the machine, which cost it the most. */
const RETRIES_PER_LOOK = 6;

/** Follows the containers of an engine by its events, and begins again when the stream breaks. */
export class ContainerWatcher {
  readonly #options: ContainerWatcherOptions;
  readonly #stopped = new AbortController();
  readonly #looks = new OneAtATime(() => this.#lookOnce());
  /**
   * What containers asked for, which never changes. It is asked when one is created, so that there is one request less
   * between its start and its ports; of those that were there before, when they publish.
   */
  readonly #asked = new Map<string, Promise<AskedPorts | undefined>>();
  /** Absent when they may have changed since they were asked for. */
  #networks: Promise<NetworksSeen> | undefined;
  #running: ReadonlySet<string> = new Set();
  #seen: ContainersSeen | undefined;

  constructor(options: ContainerWatcherOptions) {
    this.#options = options;
  }

  /** Goes on until {@link stop}. */
  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.debug('the stream of events broke', { reason: String(error) });
      }
      await sleep(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Looks now; at most one look runs, and one more follows when something changed meanwhile. */
  look(): Promise<void> {
    return this.#looks.run();
  }

  /**
   * What a container asked for.
   *
   * @param reference identifier or name, as a request's path has it
   * @returns undefined when there is no such container
   */
  asked(reference: string): Promise<AskedPorts | undefined> {
    // What an identifier stands for stays; names move.
    return /^[0-9a-f]{64}$/.test(reference) ? this.#askOnce(reference) : this.#inspect(reference);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    // Events first, then the list: what happens in between is seen twice rather than never.
    const events = await this.#options.docker.request({ path: `/events?filters=${FILTERS}`, signal });
    let retries = 0;
    const timer = setInterval(() => {
      retries++;
      if (retries % RETRIES_PER_LOOK !== 0) {
        void this.#retry();
        return;
      }
      this.#networks = undefined;
      void this.#lookQuietly();
    }, RETRY_MS);
    try {
      this.#asked.clear();
      this.#networks = undefined;
      await this.look();
      let rest = '';
      events.setEncoding('utf8');
      for await (const text of events) {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        if (lines.filter((line) => this.#take(line)).length > 0) void this.#lookQuietly();
      }
    } finally {
      clearInterval(timer);
      events.destroy();
    }
  }

  /** Keeps what an event says. @returns whether it can have changed a port */
  #take(line: string): boolean {
    if (line.trim() === '') return false;
    const event = readContainerEvent(line);
    switch (event.kind) {
      case 'created':
        void this.#askOnce(event.id);
        return false;
      case 'destroyed':
        this.#asked.delete(event.id);
        return false;
      case 'moved':
        // One that is about to start is connected first; its start is told of.
        return this.#running.has(event.id);
      case 'networks':
        this.#networks = undefined;
        return true;
      case 'changed':
        return true;
      case 'other':
        return false;
    }
  }

  async #lookQuietly(): Promise<void> {
    await this.look().catch((error: Error) =>
      this.#options.logger.debug('the containers could not be listed', { reason: error.message }),
    );
  }

  /** The same again, without the machine. */
  async #retry(): Promise<void> {
    if (this.#seen === undefined || this.#looks.isRunning) return;
    await this.#options
      .onSeen(this.#seen)
      .catch((error: Error) =>
        this.#options.logger.debug('ports could not be tried again', { reason: error.message }),
      );
  }

  async #lookOnce(): Promise<void> {
    const { docker, guestAddress, onSeen } = this.#options;
    const { signal } = this.#stopped;
    const [containers, { subnets, publishing, services }] = await Promise.all([
      docker.json({ path: '/containers/json', signal }) as Promise<readonly ContainerSummary[]>,
      this.#askNetworks(signal),
    ]);
    if (signal.aborted) return;
    this.#running = new Set(containers.map(({ Id }) => Id));
    const reached = { guestAddress, networks: publishing };
    this.#seen = {
      running: containers.length,
      ports: [...publishedPorts(await this.#withBindings(containers), reached), ...services],
      subnets,
      onMachineNetwork: containersOnMachineNetwork(containers),
    };
    await onSeen(this.#seen);
  }

  #askNetworks(signal: AbortSignal): Promise<NetworksSeen> {
    if (this.#networks !== undefined) return this.#networks;
    const asked = this.#options.docker.json({ path: '/networks', signal }).then(async (answer) => {
      const networks = answer as readonly NetworkSummary[];
      const isInSwarm = networks.some(({ Ingress }) => Ingress === true);
      return {
        subnets: containerSubnets(networks),
        publishing: publishingNetworks(networks),
        services: isInSwarm ? await this.#askServices(signal) : [],
      };
    });
    this.#networks = asked;
    asked.catch(() => {
      if (this.#networks === asked) this.#networks = undefined;
    });
    return asked;
  }

  /** Only a manager of the swarm knows them. */
  async #askServices(signal: AbortSignal): Promise<PublishedPort[]> {
    const { docker, guestAddress, logger } = this.#options;
    try {
      const services = (await docker.json({ path: '/services', signal })) as readonly ServiceSummary[];
      return servicePorts(services, guestAddress);
    } catch (error) {
      logger.debug("the swarm's services could not be listed", { reason: String(error) });
      return [];
    }
  }

  #withBindings(containers: readonly ContainerSummary[]): Promise<ContainerSummary[]> {
    return Promise.all(
      containers.map(async (container) => {
        if (container.Ports === undefined || container.Ports.length === 0) return container;
        const asked = await this.#askOnce(container.Id);
        return asked === undefined ? container : { ...container, bindings: asked.bindings };
      }),
    );
  }

  #askOnce(id: string): Promise<AskedPorts | undefined> {
    const known = this.#asked.get(id);
    if (known !== undefined) return known;
    const asked = this.#inspect(id);
    this.#asked.set(id, asked);
    return asked;
  }

  async #inspect(reference: string): Promise<AskedPorts | undefined> {
    const { docker, defaultAddress, logger } = this.#options;
    try {
      const path = `/containers/${reference}/json`;
      const found = (await docker.json({ path, signal: this.#stopped.signal })) as Inspection;
      return askedPorts(found, defaultAddress);
    } catch (error) {
      this.#asked.delete(reference);
      logger.debug('a container went away', { reason: String(error) });
      return undefined;
    }
  }
}
