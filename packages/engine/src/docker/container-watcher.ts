import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@orlop/core';
import type { DockerChannel } from './docker-channel.ts';
import {
  type ContainerSummary,
  containerSubnets,
  containersOnMachineNetwork,
  type NetworkSummary,
  type PortBindings,
  type PublishedPort,
  publishedPorts,
} from './published-ports.ts';

export interface ContainersSeen {
  readonly running: number;
  readonly ports: readonly PublishedPort[];
  readonly subnets: readonly string[];
  /** Names of those on the machine's own network (`--net=host`), by their full identifiers. */
  readonly onMachineNetwork: ReadonlyMap<string, string>;
}

export interface ContainerWatcherOptions {
  readonly docker: DockerChannel;
  readonly guestAddress: string;
  readonly logger: Logger;
  /** Given what there is after each change, one call at a time. */
  readonly onSeen: (seen: ContainersSeen) => Promise<void>;
}

const FILTERS = encodeURIComponent(JSON.stringify({ type: ['container', 'network'] }));
/** Events that change what is published, or how it is reached; others (exec, top, health) come far more often. */
const RELEVANT = new Set(['start', 'die', 'destroy', 'rename', 'connect', 'disconnect', 'create', 'pause']);
const RECONNECT_MS = 250;
/** Ports that another program had are tried again, and what was missed is found. */
const REFRESH_MS = 10_000;

/** Follows the containers of an engine by its events, and begins again when the stream breaks. */
export class ContainerWatcher {
  readonly #options: ContainerWatcherOptions;
  readonly #stopped = new AbortController();
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  /** What containers asked for never changes; only those that publish are looked at. */
  #bindings = new Map<string, PortBindings>();

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
    if (this.#looking !== undefined) {
      this.#lookAgain = true;
      return this.#looking;
    }
    this.#looking = this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    // Events first, then the list: what happens in between is seen twice rather than never.
    const events = await this.#options.docker.request({ path: `/events?filters=${FILTERS}`, signal });
    const timer = setInterval(() => void this.#lookQuietly(), REFRESH_MS);
    try {
      await this.look();
      let rest = '';
      events.setEncoding('utf8');
      for await (const text of events) {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        if (lines.some(isRelevant)) void this.#lookQuietly();
      }
    } finally {
      clearInterval(timer);
      events.destroy();
    }
  }

  async #lookQuietly(): Promise<void> {
    await this.look().catch((error: Error) =>
      this.#options.logger.debug('the containers could not be listed', { reason: error.message }),
    );
  }

  async #lookOnce(): Promise<void> {
    const { docker, guestAddress, onSeen } = this.#options;
    do {
      this.#lookAgain = false;
      const { signal } = this.#stopped;
      const [containers, networks] = await Promise.all([
        docker.json({ path: '/containers/json', signal }) as Promise<readonly ContainerSummary[]>,
        docker.json({ path: '/networks', signal }) as Promise<readonly NetworkSummary[]>,
      ]);
      if (signal.aborted) return;
      const inspected = await this.#withBindings(containers, signal);
      await onSeen({
        running: containers.length,
        ports: publishedPorts(inspected, guestAddress),
        subnets: containerSubnets(networks),
        onMachineNetwork: containersOnMachineNetwork(containers),
      });
    } while (this.#lookAgain);
  }

  async #withBindings(
    containers: readonly ContainerSummary[],
    signal: AbortSignal,
  ): Promise<ContainerSummary[]> {
    const next = new Map<string, PortBindings>();
    const inspected: ContainerSummary[] = [];
    for (const container of containers) {
      const publishes = container.Ports?.some((port) => port.PublicPort !== undefined) === true;
      if (!publishes) {
        inspected.push(container);
        continue;
      }
      const bindings = this.#bindings.get(container.Id) ?? (await this.#inspect(container.Id, signal));
      next.set(container.Id, bindings);
      inspected.push({ ...container, bindings });
    }
    this.#bindings = next;
    return inspected;
  }

  async #inspect(id: string, signal: AbortSignal): Promise<PortBindings> {
    try {
      const path = `/containers/${id}/json`;
      const found = (await this.#options.docker.json({ path, signal })) as Inspection;
      return found.HostConfig?.PortBindings ?? {};
    } catch (error) {
      signal.throwIfAborted();
      this.#options.logger.debug('a container went away', { reason: String(error) });
      return {};
    }
  }
}

interface Inspection {
  readonly HostConfig?: { readonly PortBindings?: PortBindings | null };
}

function isRelevant(line: string): boolean {
  if (line.trim() === '') return false;
  try {
    const { Action } = JSON.parse(line) as { readonly Action?: string };
    return Action !== undefined && RELEVANT.has(Action);
  } catch {
    return true; // not what was expected: rather look once too often
  }
}
