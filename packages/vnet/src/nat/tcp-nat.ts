import { ChurnSet } from '@orlop/core';
import {
  type Endpoint,
  type IcmpReporter,
  IpAddress,
  type TcpAttempt,
  type TcpInfo,
  type TcpRejection,
} from '@orlop/netstack';
import type { ForwardRedirect, ForwardStats } from '../forward/forward.ts';
import { type Owner, OwnerShares } from '../gateway/owner-shares.ts';
import { formatHostEndpoint } from '../host/endpoint-text.ts';
import type {
  HostEndpoint,
  HostFailure,
  HostSockets,
  HostStream,
  HostStreamEvents,
} from '../host/host-sockets.ts';
import type { Scheduler } from '../scheduler.ts';
import type { AddressMap } from './address-map.ts';
import { onwardHopLimit } from './hop-limit.ts';
import type { ReadSlab } from './read-slab.ts';
import { Relay, type RelayQueue } from './relay.ts';

export interface TcpNatOptions {
  readonly sockets: HostSockets;
  readonly addresses: AddressMap;
  readonly scheduler: Scheduler;
  readonly queue: RelayQueue;
  readonly slab: ReadSlab;
  /** Where connections to a port of the gateway itself go, before all rules. @default nowhere */
  readonly redirect?: (local: Endpoint) => ForwardRedirect | undefined;
  /** Asked before all rules: may answer a connection to an address that is a service of the network. @default none */
  readonly serve?: (attempt: TcpAttempt) => boolean;
  /** Asked before the host is: may answer a connection itself (the HTTP proxy does). @default none */
  readonly intercept?: (attempt: TcpAttempt) => boolean;
  /** Connections and attempts together. @default 16384 */
  readonly maxConnections?: number;
  /** The same for one guest, so that others keep theirs. @default three quarters of `maxConnections` */
  readonly maxPerGuest?: number;
  /** Of one guest, those that the host has not answered yet. @default a quarter of what the stack keeps undecided: 1024 */
  readonly maxConnectingPerGuest?: number;
  /** Who is behind the attempt that is being made, whatever address it comes from. @default its address */
  readonly origin?: () => number | undefined;
  /** How long the host may take to connect. @default 60000 */
  readonly connectTimeoutMs?: number;
}

/** A guest's connection to the outside, for tables. */
export interface TcpFlow {
  readonly id: number;
  readonly guest: Endpoint;
  /** As the guest sees it. */
  readonly destination: Endpoint;
  readonly state: 'connecting' | 'established';
  readonly startedAtMs: number;
  readonly info: TcpInfo | undefined;
}

export interface TcpNatCounters {
  accepted: number;
  refused: number;
  failed: number;
  finished: number;
  overLimit: number;
  denied: number;
}

interface Connection {
  readonly id: number;
  /** Whose share of the limits it is. */
  readonly owner: Owner;
  readonly attempt: TcpAttempt;
  target: HostEndpoint;
  /** Of the forward that it came by. */
  readonly stats: ForwardStats | undefined;
  readonly startedAtMs: number;
  stream: HostStream;
  relay: Relay | undefined;
  cancelTimeout: () => void;
}

/** Source NAT for TCP: each guest's connection becomes one of this process, made before the guest's is accepted. */
export class TcpNat {
  readonly counters: TcpNatCounters = {
    accepted: 0,
    refused: 0,
    failed: 0,
    finished: 0,
    overLimit: 0,
    denied: 0,
  };
  readonly #options: TcpNatOptions;
  readonly #connections = new ChurnSet<Connection>();
  readonly #shares: OwnerShares;
  /** Of those, what the host has not answered yet. */
  readonly #connecting: OwnerShares;
  #nextId = 1;

  constructor(options: TcpNatOptions) {
    this.#options = options;
    const { maxConnections: total = 16_384, maxPerGuest: perOwner = Math.ceil(total * 0.75) } = options;
    this.#shares = new OwnerShares({ total, perOwner });
    this.#connecting = new OwnerShares({ perOwner: options.maxConnectingPerGuest ?? 1024 });
  }

  /** The handler for `stack.tcp.listenAny`. */
  onAttempt(attempt: TcpAttempt): void {
    const { local, remote } = attempt;
    const redirected = this.#options.redirect?.(local);
    if (redirected !== undefined) {
      this.#admit(attempt, redirected.target, redirected.stats);
      return;
    }
    if (this.#options.serve?.(attempt) === true) return;
    const target = this.#options.addresses.outbound({
      protocol: 'tcp',
      guest: remote.address,
      destination: local.address,
      port: local.port,
    });
    if (target.kind === 'rejected') {
      this.counters.denied++;
      attempt.reject(target.how);
      return;
    }
    if (this.#options.intercept?.(attempt) === true) return;
    this.#admit(attempt, { kind: 'ip', address: target.address, port: local.port });
  }

  #admit(attempt: TcpAttempt, target: HostEndpoint, stats?: ForwardStats): void {
    const owner = this.#options.origin?.() ?? attempt.remote.address.toString();
    if (!this.#connecting.hasRoom(owner) || !this.#shares.enter(owner)) {
      this.counters.overLimit++;
      attempt.reject('drop'); // the guest tries again
      return;
    }
    this.#connecting.enter(owner);
    this.#connect(attempt, target, { owner, stats });
  }

  *flows(): IterableIterator<TcpFlow> {
    for (const { id, attempt, startedAtMs, relay } of this.#connections) {
      yield {
        id,
        guest: attempt.remote,
        destination: attempt.local,
        state: relay === undefined ? 'connecting' : 'established',
        startedAtMs,
        info: relay?.socket.info(),
      };
    }
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Drops one flow, both sides with a reset. False when there is none of that id. */
  drop(id: number): boolean {
    for (const connection of this.#connections) {
      if (connection.id !== id) continue;
      this.#drop(connection);
      return true;
    }
    return false;
  }

  /** Drops what came by the forward that these counters are of. */
  dropOf(stats: ForwardStats): void {
    for (const connection of [...this.#connections]) if (connection.stats === stats) this.#drop(connection);
  }

  close(): void {
    for (const connection of [...this.#connections]) this.#drop(connection);
  }

  #drop(connection: Connection): void {
    if (connection.relay !== undefined) {
      connection.relay.abort();
      return;
    }
    connection.stream.reset();
    connection.attempt.reject('refused');
    this.#forget(connection);
  }

  #connect(
    attempt: TcpAttempt,
    target: HostEndpoint,
    { owner, stats }: Pick<Connection, 'owner' | 'stats'>,
  ): void {
    const events: HostStreamEvents = {
      onOpen: () => this.#opened(connection),
      onReadable: () => connection.relay?.hostEvents.onReadable(),
      onWritable: () => connection.relay?.hostEvents.onWritable(),
      onFailed: (failure, by) => {
        if (connection.relay !== undefined) connection.relay.hostEvents.onFailed(failure);
        else if (failure !== 'refused' || !retry()) this.#connectFailed(connection, failure, by);
      },
    };
    const hopLimit = onwardHopLimit(attempt.hopLimit);
    const options = { mayOpenAtOnce: true, ...(hopLimit !== undefined && { hopLimit }) };
    const dial = (to: HostEndpoint) => this.#options.sockets.connect(to, events, options);
    // A server of the host listens on one loopback address often, and guests that know both do not all try both.
    const retry = (): boolean => {
      const other = target === connection.target ? otherLoopback(target) : undefined;
      if (other === undefined) return false;
      connection.target = other;
      connection.stream = dial(other);
      if (connection.stream.isOpen) this.#opened(connection);
      return true;
    };
    const stream = dial(target);
    const connection: Connection = {
      id: this.#nextId++,
      owner,
      stats,
      target,
      attempt,
      startedAtMs: this.#options.scheduler.now(),
      stream,
      relay: undefined,
      cancelTimeout: NOTHING,
    };
    this.#connections.add(connection);
    if (stats !== undefined) stats.connections++;
    if (stream.isOpen) {
      this.#opened(connection);
      return;
    }
    connection.cancelTimeout = this.#options.scheduler.after(this.#options.connectTimeoutMs ?? 60_000, () => {
      connection.stream.close();
      this.#connectFailed(connection, 'timed-out');
    });
    attempt.onCancel = () => {
      connection.stream.close();
      this.#forget(connection);
    };
  }

  #opened(connection: Connection): void {
    const { attempt, stream } = connection;
    connection.cancelTimeout();
    const { queue, slab } = this.#options;
    const socket = attempt.accept(STARTING, { noDelay: true });
    if (socket === undefined) {
      stream.close();
      this.#forget(connection);
      return;
    }
    this.counters.accepted++;
    this.#connecting.leave(connection.owner);
    connection.stats?.begin(socket);
    connection.relay = new Relay(socket, stream, {
      queue,
      slab,
      onClosed: ({ failure }) => {
        if (failure === undefined) this.counters.finished++;
        else this.counters.failed++;
        connection.stats?.end(socket);
        this.#forget(connection);
      },
    });
    socket.handler = connection.relay;
  }

  #connectFailed(connection: Connection, failure: HostFailure, by?: IcmpReporter): void {
    this.counters.refused++;
    connection.stats?.fail(`${formatHostEndpoint(connection.target)}: ${failure}`);
    connection.attempt.reject(rejectionOf(failure), this.#options.addresses.reporter(by));
    this.#forget(connection);
  }

  #forget(connection: Connection): void {
    connection.cancelTimeout();
    if (!this.#connections.delete(connection)) return;
    const { owner, relay } = connection;
    this.#shares.leave(owner);
    if (relay === undefined) this.#connecting.leave(owner);
  }
}

const LOOPBACKS = [IpAddress.v4(0x7f00_0001), IpAddress.v6(0, 0, 0, 1)] as const;

/** The other one of the host's two loopback addresses, where `target` is one. */
function otherLoopback(target: HostEndpoint): HostEndpoint | undefined {
  if (target.kind !== 'ip') return undefined;
  const index = LOOPBACKS.findIndex((one) => one.equals(target.address));
  const address = LOOPBACKS[1 - index];
  return index < 0 || address === undefined ? undefined : { ...target, address };
}

/** Nothing happens to an accepted socket before the guest's next segment: its relay is there by then. */
const STARTING = {};
const NOTHING = () => {};

/** What the guest is told, so that it sees what a program on the host would. */
export function rejectionOf(failure: HostFailure): TcpRejection {
  switch (failure) {
    case 'refused':
    case 'reset':
    case 'not-found':
      return 'refused';
    case 'network-unreachable':
    case 'address-unavailable':
      return 'network-unreachable';
    case 'time-exceeded':
      return failure;
    case 'host-unreachable':
    case 'other':
      return 'host-unreachable';
    case 'timed-out':
    case 'exhausted':
      return 'drop';
    case 'denied':
    case 'too-big':
    case 'address-in-use':
      return 'prohibited';
  }
}
