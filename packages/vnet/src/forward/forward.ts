import { ChurnSet } from '@orlop/core';
import type { IpAddress } from '@orlop/netstack';
import type { HostEndpoint } from '../host/host-sockets.ts';

/** Which guest a forward goes to: looked up for each connection, so that a new address or a reboot is no matter. */
export type GuestTarget =
  | { readonly kind: 'address'; readonly address: IpAddress }
  /** The name of a lease. */
  | { readonly kind: 'name'; readonly name: string }
  /** The one guest of the network; an error while there are several. */
  | { readonly kind: 'only' }
  /** One that is still to come: the host's side is taken, and whoever connects is refused. */
  | { readonly kind: 'nobody' };

/** Where a forward leads. */
export interface ForwardTarget {
  readonly guest: GuestTarget;
  readonly port: number;
  /** Sent to the guest before the client's bytes; tcp only. @default nothing */
  readonly greeting?: string;
}

/** A port or a socket of the host that leads to a guest. */
export interface ToGuest {
  readonly kind: 'to-guest';
  readonly protocol: 'tcp' | 'udp';
  /** Where the host listens; a unix socket for tcp only. */
  readonly listen: HostEndpoint;
  readonly guest: GuestTarget;
  readonly port: number;
  /** Tell the guest the client's address (HAProxy's PROXY protocol); tcp only. @default not */
  readonly proxyProtocol?: 1 | 2;
  /** Sent to the guest before the client's bytes; tcp only. @default nothing */
  readonly greeting?: string;
}

/** One port, or one socket, that leads somewhere. */
export type ForwardSpec =
  | ToGuest
  | {
      /** A port of the gateway that leads to a unix socket of the host, or to another endpoint of it. */
      readonly kind: 'to-host';
      readonly protocol: 'tcp';
      readonly port: number;
      readonly target: HostEndpoint;
    };

export interface ForwardStatus {
  /** Stable for the same listening side: `tcp:127.0.0.1:8080`. */
  readonly id: string;
  /** With the port that the host chose, where 0 was asked for. */
  readonly spec: ForwardSpec;
  readonly local: HostEndpoint | undefined;
  readonly connections: number;
  readonly active: number;
  readonly failed: number;
  readonly bytesToGuest: number;
  readonly bytesFromGuest: number;
  readonly lastError: string | undefined;
}

/** A connection that counts its own bytes; the guest is its other end. */
export interface ByteCounter {
  info(): { readonly bytesIn: number; readonly bytesOut: number };
}

/**
 * Counters of one forward, kept by whoever moves its bytes. Bytes of a connection are counted by its TCP alone and
 * read when somebody asks, so a forward's totals grow while it runs and cost nothing per packet.
 */
export class ForwardStats {
  connections = 0;
  failed = 0;
  lastError: string | undefined = undefined;
  readonly #running = new ChurnSet<ByteCounter>();
  /** Of connections that have ended. */
  #endedToGuest = 0;
  #endedFromGuest = 0;

  get active(): number {
    return this.#running.size;
  }

  get bytesToGuest(): number {
    let bytes = this.#endedToGuest;
    for (const connection of this.#running) bytes += connection.info().bytesOut;
    return bytes;
  }

  get bytesFromGuest(): number {
    let bytes = this.#endedFromGuest;
    for (const connection of this.#running) bytes += connection.info().bytesIn;
    return bytes;
  }

  begin(connection: ByteCounter): void {
    this.#running.add(connection);
  }

  end(connection: ByteCounter): void {
    if (!this.#running.delete(connection)) return;
    const { bytesIn, bytesOut } = connection.info();
    this.#endedFromGuest += bytesIn;
    this.#endedToGuest += bytesOut;
  }

  fail(message: string): void {
    this.failed++;
    this.lastError = message;
  }
}

/** Where the gateway leads a connection to a port of its own, and who counts it. */
export interface ForwardRedirect {
  readonly target: HostEndpoint;
  readonly stats: ForwardStats;
}

/** A forward that is in force. */
export interface RunningForward {
  readonly local: HostEndpoint | undefined;
  readonly stats: ForwardStats;
  /** Leads elsewhere from now on, while the host goes on listening; connections to where it led before end. */
  lead(to: ForwardTarget): void;
  close(): void;
}

/** A guest that does not answer for 63 s is not there: whoever connected to the host's side should know. */
export const GUEST_SYN_RETRIES = 5;

/** The guest's address now, or why there is none. */
export type ResolveGuest = (target: GuestTarget) => IpAddress | string;
