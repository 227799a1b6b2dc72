import type { MacAddress } from '@orlop/wire';
import type { EthernetPort, QueuedFrame } from '../ethernet.ts';
import type { IpAddress } from '../ip/address.ts';

/** Somebody who wants to know when a neighbour is resolved, or is not. */
export interface NeighbourWaiter {
  onNeighbour(reached: boolean): void;
}

/**
 * One next hop. `header` is the Ethernet header that leads to it, present as long as its address is known (also
 * while that is being confirmed).
 */
export class Neighbour {
  readonly address: IpAddress;
  header: Uint8Array | undefined;
  mac: MacAddress = 0;
  /** `evicted`: no longer in the cache; who holds it asks the cache again. */
  state: 'incomplete' | 'reachable' | 'probing' | 'permanent' | 'evicted' = 'incomplete';
  /** When the state is looked at again. */
  deadline = 0;
  attempts = 0;
  readonly frames: QueuedFrame[] = [];
  readonly waiters = new Set<NeighbourWaiter>();
  lastUsed = 0;

  constructor(address: IpAddress) {
    this.address = address;
  }
}

export interface NeighbourCacheOptions {
  readonly ethernet: EthernetPort;
  readonly etherType: number;
  /** Asks the link who has `address`; `known` is the address to ask, undefined = everybody. */
  readonly solicit: (address: IpAddress, known: MacAddress | undefined) => void;
  /** @default 1024 */
  readonly maxEntries?: number;
  /** Frames kept per unresolved neighbour; the oldest is dropped beyond. @default 16 */
  readonly maxFrames?: number;
}

/** RFC 4861 §10: REACHABLE_TIME, RETRANS_TIMER, MAX_UNICAST_SOLICIT; ARP is run with the same. */
const REACHABLE_MS = 30_000;
const RETRY_MS = 1000;
const MAX_ATTEMPTS = 3;

/**
 * Link addresses of next hops, for ARP and NDP alike.
 *
 * Invariant: at most `maxEntries` neighbours; only `#pending` ones (incomplete or probing) have timers.
 */
export class NeighbourCache {
  readonly counters = { resolved: 0, failed: 0, evicted: 0, framesDropped: 0 };
  readonly #options: Required<NeighbourCacheOptions>;
  readonly #entries = new Map<string, Neighbour>();
  readonly #pending = new Set<Neighbour>();
  /** Most often the next one's too. */
  #last: Neighbour | undefined = undefined;

  constructor(options: NeighbourCacheOptions) {
    this.#options = { maxEntries: 1024, maxFrames: 16, ...options };
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): IterableIterator<Neighbour> {
    return this.#entries.values();
  }

  /** A next hop whose address follows from its own: broadcast and multicast. */
  fixed(address: IpAddress, mac: MacAddress): Neighbour {
    const neighbour = new Neighbour(address);
    neighbour.mac = mac;
    neighbour.header = this.#options.ethernet.header(mac, this.#options.etherType);
    neighbour.state = 'permanent';
    return neighbour;
  }

  /** Who has the address, as far as that was heard; nothing is asked. */
  find(address: IpAddress): MacAddress | undefined {
    const neighbour = this.#entries.get(keyOf(address));
    return neighbour?.header === undefined ? undefined : neighbour.mac;
  }

  /** The neighbour of that address; nothing is sent yet. */
  get(address: IpAddress): Neighbour {
    if (this.#last?.address.equals(address)) return this.#last;
    const key = keyOf(address);
    let neighbour = this.#entries.get(key);
    if (neighbour === undefined) {
      if (this.#entries.size >= this.#options.maxEntries) this.#evict();
      neighbour = new Neighbour(address);
      this.#entries.set(key, neighbour);
    }
    this.#last = neighbour;
    return neighbour;
  }

  /**
   * To be called before each use: starts or renews resolution where needed. True when `header` may be used.
   */
  prepare(neighbour: Neighbour, now: number): boolean {
    neighbour.lastUsed = now;
    switch (neighbour.state) {
      case 'permanent':
      case 'probing':
        return true;
      case 'reachable':
        if (now >= neighbour.deadline) this.#start(neighbour, 'probing', now);
        return true;
      case 'incomplete':
        if (!this.#pending.has(neighbour)) this.#start(neighbour, 'incomplete', now);
        return false;
      case 'evicted':
        return false;
    }
  }

  /** Keeps a frame until the neighbour is resolved. Its `header` is filled in then. */
  hold(neighbour: Neighbour, frame: QueuedFrame): void {
    if (neighbour.frames.length >= this.#options.maxFrames) {
      neighbour.frames.shift();
      this.counters.framesDropped++;
    }
    neighbour.frames.push(frame);
  }

  /** What ARP or NDP heard. `create` says whether an unknown sender is worth an entry. */
  learn(address: IpAddress, mac: MacAddress, now: number, create: boolean): void {
    const key = keyOf(address);
    if (!create && !this.#entries.has(key)) return;
    const neighbour = this.get(address);
    if (neighbour.header === undefined || neighbour.mac !== mac) {
      neighbour.mac = mac;
      neighbour.header = this.#options.ethernet.header(mac, this.#options.etherType);
    }
    neighbour.state = 'reachable';
    neighbour.deadline = now + REACHABLE_MS;
    this.#pending.delete(neighbour);
    this.counters.resolved++;
    this.#settle(neighbour, true);
  }

  /** Repeats questions and gives up on who does not answer. */
  poll(now: number): void {
    for (const neighbour of this.#pending) {
      if (now < neighbour.deadline) continue;
      if (neighbour.attempts < MAX_ATTEMPTS) this.#ask(neighbour, now);
      else this.#fail(neighbour);
    }
  }

  pollAt(): number {
    let at = Number.POSITIVE_INFINITY;
    for (const neighbour of this.#pending) at = Math.min(at, neighbour.deadline);
    return at;
  }

  #start(neighbour: Neighbour, state: 'incomplete' | 'probing', now: number): void {
    neighbour.state = state;
    neighbour.attempts = 0;
    this.#pending.add(neighbour);
    this.#ask(neighbour, now);
  }

  #ask(neighbour: Neighbour, now: number): void {
    // The last probe of a known address asks everybody: it may have moved.
    const unicast = neighbour.state === 'probing' && neighbour.attempts < MAX_ATTEMPTS - 1;
    neighbour.attempts++;
    neighbour.deadline = now + RETRY_MS;
    this.#options.solicit(neighbour.address, unicast ? neighbour.mac : undefined);
  }

  #fail(neighbour: Neighbour): void {
    this.counters.failed++;
    this.#pending.delete(neighbour);
    neighbour.state = 'incomplete';
    neighbour.header = undefined;
    this.#settle(neighbour, false);
  }

  #settle(neighbour: Neighbour, reached: boolean): void {
    const { header } = neighbour;
    for (const frame of neighbour.frames.splice(0)) {
      if (header === undefined) this.counters.framesDropped++;
      else
        this.#options.ethernet.enqueue({
          header,
          length: frame.length,
          write: (into, at) => frame.write(into, at),
        });
    }
    const waiters = [...neighbour.waiters];
    neighbour.waiters.clear();
    for (const waiter of waiters) waiter.onNeighbour(reached);
  }

  /** Drops who was used longest ago, unresolved ones first. (A path that still holds it keeps working.) */
  #evict(): void {
    let victim: Neighbour | undefined;
    for (const candidate of this.#entries.values()) {
      if (candidate.waiters.size > 0) continue;
      if (victim === undefined || rank(candidate) < rank(victim)) victim = candidate;
    }
    if (victim === undefined) return;
    this.counters.evicted++;
    this.counters.framesDropped += victim.frames.length;
    victim.state = 'evicted';
    this.#pending.delete(victim);
    this.#entries.delete(keyOf(victim.address));
    if (this.#last === victim) this.#last = undefined;
  }
}

function rank(neighbour: Neighbour): number {
  return neighbour.header === undefined ? -1 / (1 + neighbour.lastUsed) : neighbour.lastUsed;
}

function keyOf(address: IpAddress): string {
  return String.fromCharCode(
    address.w0 >>> 16,
    address.w0 & 0xffff,
    address.w1 >>> 16,
    address.w1 & 0xffff,
    address.w2 >>> 16,
    address.w2 & 0xffff,
    address.w3 >>> 16,
    address.w3 & 0xffff,
  );
}
