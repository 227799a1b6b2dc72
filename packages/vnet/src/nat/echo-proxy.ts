import type { EchoMessage, IcmpReporter, IcmpService, IpAddress, TcpRejection } from '@orlop/netstack';
import type { Owner } from '../gateway/owner-shares.ts';
import type { HostEchoSocket, HostFailure, HostSockets } from '../host/host-sockets.ts';
import type { Scheduler } from '../scheduler.ts';
import type { AddressMap } from './address-map.ts';
import { onwardHopLimit } from './hop-limit.ts';
import { IdleSweep } from './idle-sweep.ts';
import { unreachableOf } from './unreachable.ts';

export interface EchoProxyOptions {
  readonly icmp: IcmpService;
  readonly sockets: HostSockets;
  readonly addresses: AddressMap;
  readonly scheduler: Scheduler;
  /** Used where the host gives no ping sockets to this user. @default none: requests stay unanswered */
  readonly fallback?: EchoFallback;
  /** @default 256 */
  readonly maxFlows?: number;
  /** Who is behind the request that is being handled, whatever address it comes from. @default its address */
  readonly origin?: () => number | undefined;
}

/** Asks somebody else whether an address answers; calls back once at most: that it does, or why it cannot. */
export type EchoFallback = (
  address: IpAddress,
  request: { readonly payload: Uint8Array; readonly hopLimit: number | undefined },
  onOutcome: (failure: HostFailure | undefined, by?: IcmpReporter) => void,
) => void;

export interface EchoCounters {
  requests: number;
  replies: number;
  denied: number;
  /** Could not be delivered, of which the guest was told. */
  failed: number;
  /** The host gives no ping sockets to this user. */
  unavailable: number;
}

const IDLE_MS = 30_000;
const SWEEP_INTERVAL_MS = 5_000;

interface EchoFlow {
  readonly socket: HostEchoSocket;
  readonly guest: IpAddress;
  /** As the guest sees it. */
  target: IpAddress;
  readonly identifier: number;
  /** Whose share of the limits it is. */
  readonly owner: Owner;
  usedAtMs: number;
}

/**
 * Passes guests' echo requests on by unprivileged ping sockets of the host: one for each (guest, identifier), since
 * the kernel puts an identifier of its own.
 */
export class EchoProxy {
  readonly counters: EchoCounters = { requests: 0, replies: 0, denied: 0, failed: 0, unavailable: 0 };
  readonly #options: EchoProxyOptions;
  readonly #flows = new Map<string, EchoFlow>();
  readonly #idle: IdleSweep;

  constructor(options: EchoProxyOptions) {
    this.#options = options;
    const { scheduler } = options;
    const sweep = (nowMs: number) => this.#sweep(nowMs);
    this.#idle = new IdleSweep({ scheduler, intervalMs: SWEEP_INTERVAL_MS, sweep });
  }

  /** The handler for `stack.icmp.onEchoRequest`. */
  onRequest(message: EchoMessage): void {
    this.counters.requests++;
    const target = this.#options.addresses.outbound({
      protocol: 'icmp',
      guest: message.remote,
      destination: message.local,
      port: 0,
    });
    if (target.kind === 'rejected') {
      this.counters.denied++;
      this.#reject(message, target.how);
      return;
    }
    const flow = this.#flowOf(message);
    if (flow === undefined) {
      this.#askFallback(message, target.address);
      return;
    }
    flow.usedAtMs = this.#options.scheduler.now();
    flow.target = message.local;
    const hopLimit = onwardHopLimit(message.hopLimit);
    const failure = flow.socket.send(message.sequence, message.data, target.address, hopLimit);
    if (failure !== undefined) this.#reject(message, failure);
  }

  close(): void {
    this.#idle.stop();
    for (const flow of this.#flows.values()) flow.socket.close();
    this.#flows.clear();
  }

  #flowOf(message: EchoMessage): EchoFlow | undefined {
    const key = `${message.identifier} ${message.remote} ${message.local}`;
    const known = this.#flows.get(key);
    if (known !== undefined) return known;
    const owner = this.#options.origin?.() ?? message.remote.toString();
    this.#makeRoom(owner);
    const socket = this.#options.sockets.openEcho(message.remote.version, {
      onReply: (sequence, payload) => {
        this.counters.replies++;
        this.#reply(flow, sequence, payload);
      },
      onFailed: (sequence, failure, by) => {
        const { target, guest, identifier } = flow;
        this.#reject({ local: target, remote: guest, identifier, sequence }, failure, by);
      },
    });
    if (socket === undefined) return undefined;
    const flow: EchoFlow = {
      socket,
      guest: message.remote,
      target: message.local,
      identifier: message.identifier,
      owner,
      usedAtMs: this.#options.scheduler.now(),
    };
    this.#flows.set(key, flow);
    this.#idle.start();
    return flow;
  }

  #reply(flow: EchoFlow, sequence: number, payload: Uint8Array): void {
    this.#options.icmp.sendEchoReply({
      local: flow.target,
      remote: flow.guest,
      identifier: flow.identifier,
      sequence,
      data: payload.slice(),
    });
  }

  #reject(
    request: Omit<EchoMessage, 'hopLimit' | 'data'>,
    failure: HostFailure | TcpRejection,
    by?: IcmpReporter,
  ): void {
    const how = unreachableOf(failure);
    if (how === undefined) return;
    this.counters.failed++;
    this.#options.icmp.rejectEcho(request, how, this.#options.addresses.reporter(by));
  }

  #askFallback(message: EchoMessage, address: IpAddress): void {
    this.counters.unavailable++;
    const { local, remote, identifier, sequence } = message;
    const data = message.data.slice();
    const request = { payload: data, hopLimit: onwardHopLimit(message.hopLimit) };
    this.#options.fallback?.(address, request, (failure, by) => {
      if (failure !== undefined) {
        this.#reject({ local, remote, identifier, sequence }, failure, by);
        return;
      }
      this.counters.replies++;
      this.#options.icmp.sendEchoReply({ local, remote, identifier, sequence, data });
    });
  }

  /** Over a limit the flow goes that was idle for longest: of the same guest where that one has half of all. */
  #makeRoom(owner: Owner): void {
    const { maxFlows = 256 } = this.#options;
    const own = [...this.#flows].filter(([, flow]) => flow.owner === owner);
    if (own.length < maxFlows / 2 && this.#flows.size < maxFlows) return;
    let oldest: readonly [string, EchoFlow] | undefined;
    for (const entry of own.length < maxFlows / 2 ? this.#flows : own)
      if (oldest === undefined || entry[1].usedAtMs < oldest[1].usedAtMs) oldest = entry;
    if (oldest !== undefined) this.#remove(oldest[0], oldest[1]);
  }

  #sweep(nowMs: number): boolean {
    for (const [key, flow] of this.#flows) if (nowMs - flow.usedAtMs >= IDLE_MS) this.#remove(key, flow);
    return this.#flows.size > 0;
  }

  #remove(key: string, flow: EchoFlow): void {
    flow.socket.close();
    this.#flows.delete(key);
  }
}
