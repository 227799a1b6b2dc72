import type { PortStatus } from '@orlop/api';
import { OrlopError } from '@orlop/core';
import { type ForwardStatus, forwardId, type GuestRoutes, parseForwards } from '@orlop/vnet';
import { type PublishedPort, portKey } from './published-ports.ts';

/** The table of forwards of a network, as far as it is used here. */
export interface Forwards {
  add(spec: ReturnType<typeof parseForwards>[number]): Promise<ForwardStatus>;
  remove(id: string): void;
  find(id: string): ForwardStatus | undefined;
}

export interface PortForwardsOptions {
  readonly forwards: Forwards;
  readonly routes: Pick<GuestRoutes, 'set'>;
  readonly guestAddress: string;
  /** Which program of the host has a port, for the report of a conflict. */
  readonly whoHas: (port: PublishedPort) => Promise<string | undefined>;
  readonly onChange: (change: 'open' | 'closed' | 'failed', port: PortStatus) => void;
}

interface Entry {
  readonly port: PublishedPort;
  /** Absent while it is not open. */
  readonly id?: string;
  readonly problem?: string;
}

/** Keeps the host's forwards as the containers' published ports are. */
export class PortForwards {
  readonly #options: PortForwardsOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: PortForwardsOptions) {
    this.#options = options;
  }

  /** Opens what is new, closes what is gone, and tries again what could not be opened. */
  async apply(ports: readonly PublishedPort[], subnets: readonly string[]): Promise<void> {
    this.#options.routes.set(subnets, this.#options.guestAddress);
    const wanted = new Map(ports.map((port) => [portKey(port), port]));
    for (const [key, entry] of [...this.#entries]) {
      const next = wanted.get(key);
      if (next === undefined || !sameTarget(next, entry.port)) this.#close(key, entry);
    }
    for (const [key, port] of wanted) {
      const entry = this.#entries.get(key);
      if (entry?.id === undefined) await this.#open(key, port, entry?.problem);
    }
  }

  /** Closes all of them. */
  clear(): void {
    for (const [key, entry] of [...this.#entries]) this.#close(key, entry);
  }

  list(): PortStatus[] {
    return [...this.#entries.values()].map((entry) => this.#statusOf(entry));
  }

  async #open(key: string, port: PublishedPort, before: string | undefined): Promise<void> {
    const { forwards, onChange, whoHas } = this.#options;
    try {
      const [spec] = parseForwards(forwardText(port));
      if (spec === undefined) return;
      await forwards.add(spec);
      const entry = { port, id: forwardId(spec) };
      this.#entries.set(key, entry);
      onChange('open', this.#statusOf(entry));
    } catch (error) {
      if (!(error instanceof OrlopError)) throw error;
      const holder = await whoHas(port);
      const problem = holder === undefined ? error.message : `${error.message}: ${holder} has it`;
      const entry = { port, problem };
      this.#entries.set(key, entry);
      if (problem !== before) onChange('failed', this.#statusOf(entry));
    }
  }

  #close(key: string, entry: Entry): void {
    const status = this.#statusOf(entry);
    this.#entries.delete(key);
    if (entry.id === undefined) return;
    if (this.#options.forwards.find(entry.id) !== undefined) this.#options.forwards.remove(entry.id);
    this.#options.onChange('closed', status);
  }

  #statusOf({ port, id, problem }: Entry): PortStatus {
    const { protocol, hostAddress, hostPort, container, containerPort } = port;
    const counters = id === undefined ? undefined : this.#options.forwards.find(id);
    return {
      protocol,
      hostAddress,
      hostPort,
      container,
      containerPort,
      state: id === undefined ? 'failed' : 'open',
      ...(problem !== undefined && { problem }),
      ...(problem === undefined && counters?.lastError !== undefined && { problem: counters.lastError }),
      connections: counters?.connections ?? 0,
      active: counters?.active ?? 0,
      bytesIn: counters?.bytesToGuest ?? 0,
      bytesOut: counters?.bytesFromGuest ?? 0,
    };
  }
}

function forwardText({ protocol, hostAddress, hostPort, target }: PublishedPort): string {
  return `${bracket(hostAddress)}:${hostPort}:${bracket(target.address)}:${target.port}/${protocol}`;
}

function bracket(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function sameTarget(a: PublishedPort, b: PublishedPort): boolean {
  return (
    a.container === b.container && a.target.address === b.target.address && a.target.port === b.target.port
  );
}
