import type { PortStatus } from '@orlop/api';
import { OrlopError } from '@orlop/core';
import type { ForwardTable, GuestRoutes } from '@orlop/vnet';
import { engineError } from '../errors.ts';
import { Turns } from '../turns.ts';
import { type AskedPorts, type AskedSide, type HostSide, overlaps } from './asked-ports.ts';
import { portRefusal } from './port-refusal.ts';
import { toGuest } from './port-spec.ts';
import { type PublishedPort, portKey, wantedKey } from './published-ports.ts';

/** The table of forwards of a network, as far as it is used here. */
export type Forwards = Pick<ForwardTable, 'add' | 'lead' | 'discard' | 'find'>;

export interface PortForwardsOptions {
  readonly forwards: Forwards;
  readonly routes: Pick<GuestRoutes, 'set'>;
  /** The machine's own, of both versions of IP. */
  readonly guestAddresses: readonly string[];
  /** Who has a port of the host, for the report of a conflict. */
  readonly whoHas: (side: HostSide) => Promise<string | undefined>;
  /** The forward of a side that was kept for what Docker has chosen, and is this one's from now on. @default none was kept */
  readonly promised?: (side: HostSide) => string | undefined;
  readonly onChange: (change: 'open' | 'closed' | 'failed', port: PortStatus) => void;
}

/** Somebody has it; another port may be free. */
const TAKEN: ReadonlySet<string> = new Set(['vnet.bind-failed', 'vnet.forward-exists']);
/** As many ports as are tried where the host chooses one. */
const MAX_TRIES = 100;

interface Entry {
  readonly port: PublishedPort;
  /** Absent while it is not open. */
  readonly id?: string;
  readonly problem?: string;
}

/** A side of the host that is taken for a container which is about to start, or to start again. */
interface Hold {
  readonly side: HostSide;
  count: number;
  /** Of the forward that leads nowhere yet; absent while a published port has the side. */
  id: string | undefined;
}

/**
 * Keeps the host's forwards as the containers' published ports are.
 *
 * Invariant: the forward of a side is named by its entry, or by its hold, or there is none.
 */
export class PortForwards {
  readonly #options: PortForwardsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #holds = new Map<string, Hold>();
  readonly #turns = new Turns();

  constructor(options: PortForwardsOptions) {
    this.#options = options;
  }

  /** Opens what is new, closes what is gone, and tries again what could not be opened. */
  apply(ports: readonly PublishedPort[], subnets: readonly string[]): Promise<void> {
    return this.#turns.run(async () => {
      this.#options.routes.set(subnets, this.#options.guestAddresses);
      const wanted = new Map(ports.map((port) => [wantedKey(port), port]));
      for (const [key, entry] of [...this.#entries]) {
        const next = wanted.get(key);
        if (next === undefined || !sameTarget(next, entry.port)) this.#close(key, entry);
      }
      for (const [key, port] of wanted) {
        const entry = this.#entries.get(key);
        if (entry?.id === undefined) await this.#open(key, port, entry?.problem);
      }
    });
  }

  /**
   * Takes the host's side of what a container asks for, so that it is there when the container is; what another container
   * has, dockerd will say.
   *
   * @returns lets go of what no container publishes by then
   * @throws OrlopError `engine.port-taken` in dockerd's words, with who has it; nothing is taken then
   */
  reserve({ container, sides }: Pick<AskedPorts, 'container' | 'sides'>): Promise<() => void> {
    return this.#turns.run(async () => {
      const held: string[] = [];
      const release = () => {
        for (const key of held.splice(0)) this.#letGo(key);
      };
      try {
        for (const side of sides) if (await this.#hold(side, container)) held.push(portKey(side));
        return release;
      } catch (error) {
        release();
        throw error;
      }
    });
  }

  /** Closes all of them. */
  clear(): void {
    for (const [key, entry] of [...this.#entries]) this.#close(key, entry);
    for (const { id } of this.#holds.values()) this.#remove(id);
    this.#holds.clear();
  }

  list(): PortStatus[] {
    return [...this.#entries.values()].map((entry) => this.#statusOf(entry));
  }

  /** @returns false for one that this host does not have, and nobody named */
  async #hold(side: AskedSide, container: string): Promise<boolean> {
    const key = portKey(side);
    const before = this.#holds.get(key);
    if (before !== undefined) {
      before.count++;
      return true;
    }
    try {
      const isOpen = this.#entries.get(key)?.id !== undefined;
      const id = isOpen
        ? undefined
        : (this.#promised(side) ?? (await this.#options.forwards.add(toGuest(side))).id);
      this.#holds.set(key, { side, count: 1, id });
      return true;
    } catch (error) {
      if (!(error instanceof OrlopError)) throw error;
      if (side.optional && error.code === 'vnet.bind-unavailable') return false;
      throw await this.#taken(side, { container, error });
    }
  }

  #letGo(key: string): void {
    const hold = this.#holds.get(key);
    if (hold === undefined) return;
    hold.count--;
    if (hold.count > 0) return;
    this.#holds.delete(key);
    this.#remove(hold.id);
  }

  async #open(key: string, port: PublishedPort, before: string | undefined): Promise<void> {
    const { forwards, onChange } = this.#options;
    try {
      const hold = this.#holds.get(key);
      const kept = hold?.id ?? this.#promised(port);
      const entry = kept === undefined ? await this.#add(port) : { port, id: kept };
      if (kept !== undefined) forwards.lead(kept, toGuest(port));
      if (hold !== undefined) hold.id = undefined;
      this.#entries.set(key, entry);
      onChange('open', this.#statusOf(entry));
    } catch (error) {
      if (!(error instanceof OrlopError)) throw error;
      if (port.optional === true && error.code === 'vnet.bind-unavailable') return;
      const holder = await this.#holderOf(port);
      const problem = holder === undefined ? error.message : `${error.message}: ${holder} has it`;
      const entry = { port, problem };
      this.#entries.set(key, entry);
      if (problem !== before) onChange('failed', this.#statusOf(entry));
    }
  }

  /** @returns with the host's port, chosen where that is to be done */
  async #add({ choice, ...port }: PublishedPort): Promise<Entry> {
    if (choice === undefined) return this.#addAt(port);
    const step = choice.from > choice.to ? -1 : 1;
    const last = Math.abs(choice.to - choice.from);
    for (let tried = 0; ; tried++) {
      try {
        return await this.#addAt({ ...port, hostPort: choice.from + step * tried });
      } catch (error) {
        const isTaken = error instanceof OrlopError && TAKEN.has(error.code);
        if (!isTaken || tried === last || tried + 1 === MAX_TRIES) throw error;
      }
    }
  }

  async #addAt(port: PublishedPort): Promise<Entry> {
    // A network may have an address of its own for what is held (com.docker.network.bridge.host_binding_ipv4).
    for (const hold of this.#holds.values()) {
      if (hold.id === undefined || !overlaps(hold.side, port)) continue;
      this.#remove(hold.id);
      hold.id = undefined;
    }
    return { port, id: (await this.#options.forwards.add(toGuest(port))).id };
  }

  #close(key: string, entry: Entry): void {
    const status = this.#statusOf(entry);
    this.#entries.delete(key);
    if (entry.id === undefined) return;
    const hold = this.#holds.get(key);
    if (hold === undefined || this.#options.forwards.find(entry.id) === undefined) this.#remove(entry.id);
    else {
      this.#options.forwards.lead(entry.id, { guest: { kind: 'nobody' }, port: entry.port.hostPort });
      hold.id = entry.id;
    }
    this.#options.onChange('closed', status);
  }

  #promised(side: HostSide): string | undefined {
    const id = this.#options.promised?.(side);
    return id !== undefined && this.#options.forwards.find(id) !== undefined ? id : undefined;
  }

  #remove(id: string | undefined): void {
    if (id !== undefined) this.#options.forwards.discard(id);
  }

  async #taken(
    side: HostSide,
    { container, error }: { readonly container: string; readonly error: OrlopError },
  ): Promise<Error> {
    const refusal = portRefusal(side, error, await this.#holderOf(side));
    return engineError('engine.port-taken', `container ${container}: ${refusal}`, { cause: error });
  }

  async #holderOf(side: HostSide): Promise<string | undefined> {
    for (const { port, id } of this.#entries.values()) {
      if (id !== undefined && overlaps(port, side)) return `container ${port.container}`;
    }
    return this.#options.whoHas(side);
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

function sameTarget(a: PublishedPort, b: PublishedPort): boolean {
  return (
    a.container === b.container && a.target.address === b.target.address && a.target.port === b.target.port
  );
}
