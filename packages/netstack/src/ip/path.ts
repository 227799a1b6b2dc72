import type { QueuedFrame } from '../ethernet.ts';
import type { Neighbour } from '../neighbours/neighbour-cache.ts';
import type { IpAddress } from './address.ts';

/**
 * The way from one of our addresses to another host, with what every packet on it has in common. Held by each
 * connection, so that sending a packet needs no look-up.
 */
export interface IpPath {
  readonly version: IpVersion;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly nextHop: IpAddress;
  neighbour: Neighbour;
  /** Largest IP packet: the link's, or less if a router said so. */
  mtu: number;
  /** When that is to be asked for again (`IpLayer.renewMtu`): Infinity as long as it is the link's. */
  mtuUntil: number;
  /** The IP header with length, identification and checksum zero. */
  readonly template: Uint8Array;
  /** One's complement sum of `template`. */
  readonly templateSum: number;
  /** One's complement sum of the pseudo header without the length. */
  readonly pseudoSum: number;
}

export interface HeaderOptions {
  readonly hopLimit?: number;
  /** IPv4: routers may fragment. @default false */
  readonly mayFragment?: boolean;
}

/** What differs between IPv4 and IPv6 for who sends. */
export interface IpVersion {
  readonly number: 4 | 6;
  readonly headerLength: number;
  /** No path MTU goes below it. */
  readonly minMtu: number;
  /** The neighbour of a next hop; groups and broadcast have fixed ones. */
  neighbour(nextHop: IpAddress): Neighbour;
  /** Starts resolution where needed; true when the neighbour's `header` may be used. */
  prepare(neighbour: Neighbour, now: number): boolean;
  /** Keeps a frame until the neighbour is resolved. */
  hold(neighbour: Neighbour, frame: QueuedFrame): void;
  template(source: IpAddress, destination: IpAddress, protocol: number): Uint8Array;
  /** Writes the header of a packet that carries `length` bytes. */
  writeHeader(path: IpPath, into: Uint8Array, at: number, length: number): void;
  /** Cuts a payload that does not fit into whole IP packets that do. */
  fragment(path: IpPath, payload: Uint8Array, options: HeaderOptions): Uint8Array[];
  writeHeaderWith(path: IpPath, into: Uint8Array, at: number, length: number, options: HeaderOptions): void;
}
