import { OrlopError } from '@orlop/core';
import type { IpAddress, UdpHandler, UdpService, UdpSocket } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import type { HostDatagramSocket, HostSockets } from '../host/host-sockets.ts';
import { IdleSweep } from '../nat/idle-sweep.ts';
import type { Scheduler } from '../scheduler.ts';
import {
  type ByteCounter,
  ForwardStats,
  type ForwardTarget,
  type ResolveGuest,
  type RunningForward,
  type ToGuest,
} from './forward.ts';

export interface UdpForwardOptions {
  readonly udp: UdpService;
  readonly sockets: HostSockets;
  readonly scheduler: Scheduler;
  readonly resolveGuest: ResolveGuest;
  readonly sourceFor: (guest: IpAddress) => IpAddress | undefined;
  /** Clients of one forward at once; the one idle for longest goes beyond. @default 1024 */
  readonly maxClients?: number;
  /** @default 120000 */
  readonly idleMs?: number;
}

/** Counts its bytes as a connection does. */
class Client implements ByteCounter {
  readonly inside: UdpSocket;
  /** Who answers: that which was last spoken to, as a guest of a name may move. */
  guest: IpAddress;
  usedAtMs = 0;
  bytesToGuest = 0;
  bytesFromGuest = 0;

  constructor(inside: UdpSocket, guest: IpAddress) {
    this.inside = inside;
    this.guest = guest;
  }

  info() {
    return { bytesIn: this.bytesFromGuest, bytesOut: this.bytesToGuest };
  }
}

const SWEEP_INTERVAL_MS = 10_000;

/**
 * A UDP port of the host that leads to a guest: each client gets a port of the gateway, to which the guest answers.
 *
 * @throws OrlopError `vnet.bind-failed`
 */
export async function startUdpForward(spec: ToGuest, options: UdpForwardOptions): Promise<RunningForward> {
  const { listen } = spec;
  if (listen.kind === 'unix') throw vnetError('vnet.forward-invalid', 'a unix socket carries tcp only');
  const forward = new UdpForward(spec, options);
  forward.outside = await options.sockets.bindDatagram(listen.address, listen.port, {
    onDatagram: (payload, address, port) => forward.toGuest(payload, address, port),
    onFailed: (failure) => forward.stats.fail(`client: ${failure}`),
  });
  return forward;
}

class UdpForward implements RunningForward {
  readonly stats = new ForwardStats();
  outside: HostDatagramSocket | undefined = undefined;
  #target: ForwardTarget;
  readonly #options: UdpForwardOptions;
  /** In order of last use: a client that sends is put at the end again. */
  readonly #clients = new Map<string, Client>();
  readonly #idle: IdleSweep;

  constructor(spec: ToGuest, options: UdpForwardOptions) {
    this.#target = spec;
    this.#options = options;
    const { scheduler } = options;
    const sweep = (nowMs: number) => this.#sweep(nowMs);
    this.#idle = new IdleSweep({ scheduler, intervalMs: SWEEP_INTERVAL_MS, sweep });
  }

  get local() {
    return this.outside?.local;
  }

  lead(to: ForwardTarget): void {
    this.#target = to;
    this.stats.lastError = undefined;
    for (const key of [...this.#clients.keys()]) this.#remove(key);
  }

  close(): void {
    this.#idle.stop();
    this.outside?.close();
    for (const key of [...this.#clients.keys()]) this.#remove(key);
  }

  toGuest(payload: Uint8Array, address: IpAddress, port: number): void {
    const guest = this.#options.resolveGuest(this.#target.guest);
    if (typeof guest === 'string') {
      this.stats.fail(guest);
      return;
    }
    const client = this.#clientOf(address, port, guest);
    if (client === undefined) return;
    client.guest = guest;
    client.usedAtMs = this.#options.scheduler.now();
    client.bytesToGuest += payload.length;
    client.inside.send(
      payload.slice(),
      { address: guest, port: this.#target.port },
      this.#options.sourceFor(guest),
    );
  }

  #clientOf(address: IpAddress, port: number, guest: IpAddress): Client | undefined {
    const key = `${port} ${address}`;
    const known = this.#clients.get(key);
    if (known !== undefined) {
      this.#clients.delete(key);
      this.#clients.set(key, known);
      return known;
    }
    if (this.#clients.size >= (this.#options.maxClients ?? 1024)) {
      const oldest = this.#clients.keys().next().value;
      if (oldest !== undefined) this.#remove(oldest);
    }
    const source = this.#options.sourceFor(guest);
    const inside = this.#bind(source, {
      onDatagram: ({ bytes, remote }) => {
        // Another guest that guesses the port is not who the client speaks with.
        if (remote.port !== this.#target.port || !remote.address.equals(client.guest)) {
          this.stats.fail(`${remote.address}:${remote.port} answered in the name of ${client.guest}`);
          return;
        }
        client.usedAtMs = this.#options.scheduler.now();
        client.bytesFromGuest += bytes.length;
        const failure = this.outside?.send(bytes, address, port);
        if (failure !== undefined) this.stats.fail(`client: ${failure}`);
      },
      // What is too big for the path goes in fragments from now on.
      onError: ({ kind }) => {
        if (kind !== 'too-big') this.stats.fail(`${client.guest}:${this.#target.port}: ${kind}`);
      },
    });
    if (inside === undefined) return undefined;
    const client = new Client(inside, guest);
    this.#clients.set(key, client);
    this.stats.connections++;
    this.stats.begin(client);
    this.#idle.start();
    return client;
  }

  /** Undefined when all ports of the gateway are taken, which concerns this client alone. */
  #bind(source: IpAddress | undefined, handler: UdpHandler): UdpSocket | undefined {
    try {
      return this.#options.udp.bind(source === undefined ? {} : { address: source }, handler);
    } catch (error) {
      if (!(error instanceof OrlopError)) throw error;
      this.stats.fail(error.message);
      return undefined;
    }
  }

  #sweep(nowMs: number): boolean {
    const { idleMs = 120_000 } = this.#options;
    for (const [key, client] of this.#clients) if (nowMs - client.usedAtMs >= idleMs) this.#remove(key);
    return this.#clients.size > 0;
  }

  #remove(key: string): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.inside.close();
    this.#clients.delete(key);
    this.stats.end(client);
  }
}
