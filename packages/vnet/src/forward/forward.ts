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

/** One port, or one socket, that leads somewhere. */
export type ForwardSpec =
  | {
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
  readonly spec: ForwardSpec;
  /** With the port that the host chose, where 0 was asked for. */
  readonly local: HostEndpoint | undefined;
  readonly connections: number;
  readonly active: number;
  readonly failed: number;
  readonly bytesToGuest: number;
  readonly bytesFromGuest: number;
  readonly lastError: string | undefined;
}

/** Counters of one forward, kept by whoever moves its bytes. */
export class ForwardStats {
  connections = 0;
  active = 0;
  failed = 0;
  bytesToGuest = 0;
  bytesFromGuest = 0;
  lastError: string | undefined = undefined;

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

/** The guest's address now, or why there is none. */
export type ResolveGuest = (target: GuestTarget) => IpAddress | string;
