import type {
  Endpoint,
  IcmpReporter,
  IpAddress,
  TcpRejection,
  UdpDatagram,
  UdpHandler,
  UdpService,
} from '@orlop/netstack';
import type { Owner } from '../gateway/owner-shares.ts';
import type { HostDatagramSocket, HostFailure, HostSockets } from '../host/host-sockets.ts';
import type { Scheduler } from '../scheduler.ts';
import type { AddressMap } from './address-map.ts';
import { onwardHopLimit } from './hop-limit.ts';
import { IdleSweep } from './idle-sweep.ts';
import { unreachableOf } from './unreachable.ts';

export interface UdpNatOptions {
  readonly udp: UdpService;
  readonly sockets: HostSockets;
  readonly addresses: AddressMap;
  readonly scheduler: Scheduler;
  /** Ports of guests that are open at once. @default 4096 */
  readonly maxFlows?: number;
  /** @default a half of `maxFlows` */
  readonly maxPerGuest?: number;
  /** Who is behind the datagram that is being handled, whatever address it comes from. @default its address */
  readonly origin?: () => number | undefined;
  /** After an answer came (RFC 4787 REQ-5 asks for two minutes at least). @default 180000 */
  readonly idleMs?: number;
  /** While none came. @default 30000 */
  readonly unansweredIdleMs?: number;
}

/** One port of a guest, for tables. */
export interface UdpFlow {
  readonly id: number;
  readonly guest: Endpoint;
  /** The last destination, as the guest sees it. */
  readonly destination: Endpoint;
  readonly startedAtMs: number;
  readonly idleMs: number;
  readonly datagramsOut: number;
  readonly bytesOut: number;
  readonly datagramsIn: number;
  readonly bytesIn: number;
}

export interface UdpNatCounters {
  opened: number;
  expired: number;
  evicted: number;
  overLimit: number;
  denied: number;
  /** Came from an address that the guest had sent nothing to. */
  filtered: number;
  /** The host did not take a datagram. */
  failed: number;
}

const SWEEP_INTERVAL_MS = 5_000;
/** Destinations of one port from which answers are let in; the oldest is forgotten beyond. */
const MAX_PEERS = 256;
const NO_BYTES = new Uint8Array(0);

/**
 * NAT for UDP with endpoint-independent mapping and address-dependent filtering (RFC 4787): one socket of the
 * host for each port of a guest, answers from every address that the guest has sent to.
 */
export class UdpNat implements UdpHandler {
  readonly counters: UdpNatCounters = {
    opened: 0,
    expired: 0,
    evicted: 0,
    overLimit: 0,
    denied: 0,
    filtered: 0,
    failed: 0,
  };
  readonly #options: UdpNatOptions;
  /** Least recently used first is not kept: only the sweep and a full table look at all. */
  readonly #flows = new Map<FlowKey, Flow>();
  /** The same, by who is behind them. */
  readonly #flowsOf = new Map<Owner, Map<FlowKey, Flow>>();
  #last: Flow | undefined;
  #nextId = 1;
  readonly #idle: IdleSweep;

  constructor(options: UdpNatOptions) {
    this.#options = options;
    const { scheduler } = options;
    const sweep = (nowMs: number) => this.#sweep(nowMs);
    this.#idle = new IdleSweep({ scheduler, intervalMs: SWEEP_INTERVAL_MS, sweep });
  }

  /** The handler for `stack.udp.listenAny`. */
  onDatagram(datagram: UdpDatagram): void {
    const { local, remote } = datagram;
    const target = this.#options.addresses.outbound({
      protocol: 'udp',
      guest: remote.address,
      destination: local.address,
      port: local.port,
    });
    if (target.kind === 'rejected') {
      this.counters.denied++;
      this.#tellGuest(datagram, target.how);
      return;
    }
    const flow = this.#flowOf(remote);
    if (flow === undefined) return;
    const failure = flow.send(datagram, target.address, this.#options.scheduler.now());
    if (failure === undefined) return;
    this.counters.failed++;
    this.#tellGuest(datagram, failure);
  }

  *flows(): IterableIterator<UdpFlow> {
    const now = this.#options.scheduler.now();
    for (const flow of this.#flows.values()) yield flow.describe(now);
  }

  get size(): number {
    return this.#flows.size;
  }

  drop(id: number): boolean {
    for (const [key, flow] of this.#flows) {
      if (flow.id !== id) continue;
      this.#remove(key, flow);
      return true;
    }
    return false;
  }

  close(): void {
    this.#idle.stop();
    for (const [key, flow] of this.#flows) this.#remove(key, flow);
  }

  #flowOf(guest: Endpoint): Flow | undefined {
    const last = this.#last;
    if (last !== undefined && last.guest.port === guest.port && last.guest.address.equals(guest.address)) {
      return last;
    }
    const key = flowKeyOf(guest);
    const flow = this.#flows.get(key) ?? this.#open(key, guest);
    this.#last = flow;
    return flow;
  }

  #open(key: FlowKey, guest: Endpoint): Flow | undefined {
    const owner = this.#options.origin?.() ?? guest.address.toString();
    this.#makeRoom(owner);
    const flow: Flow = new Flow({ id: this.#nextId++, guest, owner, now: this.#options.scheduler.now() });
    try {
      flow.socket = this.#options.sockets.openDatagram(guest.address.version, {
        onDatagram: (payload, address, port) => this.#fromHost(flow, payload, address, port),
        onFailed: (failure, address, port, by) => {
          const { addresses } = this.#options;
          const local = { address: addresses.inbound(address), port };
          this.#tellGuest({ local, remote: guest, bytes: NO_BYTES }, failure, addresses.reporter(by));
        },
      });
    } catch {
      this.counters.overLimit++;
      return undefined;
    }
    this.counters.opened++;
    this.#flows.set(key, flow);
    const own = this.#flowsOf.get(owner) ?? new Map<FlowKey, Flow>();
    this.#flowsOf.set(owner, own.set(key, flow));
    this.#idle.start();
    return flow;
  }

  #fromHost(flow: Flow, payload: Uint8Array, address: IpAddress, port: number): void {
    if (!flow.knows(address)) {
      this.counters.filtered++;
      return;
    }
    flow.received(payload.length, this.#options.scheduler.now());
    const local = { address: this.#options.addresses.inbound(address), port };
    // The stack keeps the array until it is sent; the socket's is used again.
    this.#options.udp.send({ local, remote: flow.guest, bytes: payload.slice() });
  }

  #tellGuest(datagram: UdpDatagram, failure: HostFailure | TcpRejection, by?: IcmpReporter): void {
    const how = unreachableOf(failure);
    if (how !== undefined) this.#options.udp.reject(datagram, how, by);
  }

  /** Over a limit the least recently used flow goes: of the same guest where that guest has its share. */
  #makeRoom(owner: Owner): void {
    const maxFlows = this.#options.maxFlows ?? 4096;
    const maxPerGuest = this.#options.maxPerGuest ?? maxFlows >>> 1;
    const own = this.#flowsOf.get(owner);
    const crowded = own !== undefined && own.size >= maxPerGuest ? own : this.#flows;
    if (crowded === this.#flows && this.#flows.size < maxFlows) return;
    const full = [...crowded];
    // A sixteenth at once, so that a flood of ports does not sort the table for each datagram.
    full.sort(([, one], [, other]) => one.usedAtMs - other.usedAtMs);
    for (const [key, flow] of full.slice(0, Math.max(1, full.length >>> 4))) {
      this.#remove(key, flow);
      this.counters.evicted++;
    }
  }

  #sweep(nowMs: number): boolean {
    const idleMs = this.#options.idleMs ?? 180_000;
    const unansweredIdleMs = this.#options.unansweredIdleMs ?? 30_000;
    for (const [key, flow] of this.#flows) {
      if (nowMs - flow.usedAtMs < (flow.answered ? idleMs : unansweredIdleMs)) continue;
      this.#remove(key, flow);
      this.counters.expired++;
    }
    return this.#flows.size > 0;
  }

  #remove(key: FlowKey, flow: Flow): void {
    flow.socket?.close();
    this.#flows.delete(key);
    const own = this.#flowsOf.get(flow.owner);
    own?.delete(key);
    if (own?.size === 0) this.#flowsOf.delete(flow.owner);
    if (this.#last === flow) this.#last = undefined;
  }
}

/** An endpoint of IPv4 fits in a number, which is found much sooner than a text that is made for each datagram. */
type FlowKey = number | string;

function flowKeyOf({ address, port }: Endpoint): FlowKey {
  return address.version === 4 ? (address.w3 >>> 0) * 0x1_0000 + port : `${port} ${address}`;
}

interface FlowStart {
  readonly id: number;
  readonly guest: Endpoint;
  /** Whose share of the limits it is. */
  readonly owner: Owner;
  readonly now: number;
}

class Flow {
  readonly id: number;
  readonly guest: Endpoint;
  readonly owner: Owner;
  socket: HostDatagramSocket | undefined = undefined;
  usedAtMs: number;
  answered = false;
  readonly #startedAtMs: number;
  readonly #peers: IpAddress[] = [];
  #destination: Endpoint;
  #datagramsOut = 0;
  #bytesOut = 0;
  #datagramsIn = 0;
  #bytesIn = 0;

  constructor({ id, guest, owner, now }: FlowStart) {
    this.id = id;
    this.guest = guest;
    this.owner = owner;
    this.usedAtMs = now;
    this.#startedAtMs = now;
    this.#destination = guest;
  }

  send(datagram: UdpDatagram, address: IpAddress, now: number): HostFailure | undefined {
    this.usedAtMs = now;
    this.#destination = datagram.local;
    this.#datagramsOut++;
    this.#bytesOut += datagram.bytes.length;
    if (!this.knows(address)) {
      if (this.#peers.length >= MAX_PEERS) this.#peers.shift();
      this.#peers.push(address);
    }
    const { bytes, local, hopLimit } = datagram;
    return this.socket?.send(bytes, address, local.port, onwardHopLimit(hopLimit));
  }

  knows(address: IpAddress): boolean {
    // The latest are asked most.
    for (let i = this.#peers.length - 1; i >= 0; i--) if (this.#peers[i]?.equals(address)) return true;
    return false;
  }

  received(length: number, now: number): void {
    this.usedAtMs = now;
    this.answered = true;
    this.#datagramsIn++;
    this.#bytesIn += length;
  }

  describe(now: number): UdpFlow {
    return {
      id: this.id,
      guest: this.guest,
      destination: this.#destination,
      startedAtMs: this.#startedAtMs,
      idleMs: now - this.usedAtMs,
      datagramsOut: this.#datagramsOut,
      bytesOut: this.#bytesOut,
      datagramsIn: this.#datagramsIn,
      bytesIn: this.#bytesIn,
    };
  }
}
