import type { Random } from '@orlop/core';
import type { IcmpService, PacketMachine, TcpService, UdpService } from './face.ts';
import type { IpAddress, IpPrefix } from './ip/address.ts';

/** What `createStack` needs; the defaults are for an honest Ethernet of MTU 1500. */
export interface StackOptions {
  /** Our 6-byte Ethernet address. */
  readonly mac: Uint8Array;
  /** Our addresses with the on-link prefix of each. */
  readonly addresses: readonly IpPrefix[];
  readonly random: Random;
  /** Routers, by destination; on-link prefixes need none. @default [] */
  readonly routes?: readonly { readonly prefix: IpPrefix; readonly via: IpAddress }[];
  /** Largest IP packet, 576–65535 (1280 with IPv6). @default 1500 */
  readonly mtu?: number;
  /** Take packets to any destination address, as a gateway does. @default false */
  readonly promiscuous?: boolean;
  /**
   * The link cannot corrupt (a VM's socket): checksums of received packets are not verified. @default false
   */
  readonly trustedLink?: boolean;
  /** The link fills in TCP and UDP checksums of what we send (virtio, TAP with a header). @default false */
  readonly checksumOffload?: boolean;
  readonly tcp?: TcpSettings;
}

export interface TcpSettings {
  /** @default 'cubic' */
  readonly congestion?: 'cubic' | 'reno';
  /** Receive queue: bytes offered at first and bound of autotuning. @default 64 KiB, 4 MiB */
  readonly receiveBuffer?: { readonly initial: number; readonly max: number };
  /** Send queue: bound of unacknowledged bytes. @default 64 KiB, 4 MiB */
  readonly sendBuffer?: { readonly initial: number; readonly max: number };
  /** How long an acknowledgement may wait for company; 0 = sent with the next poll. @default 40 */
  readonly delayedAckMs?: number;
  /** @default 200 */
  readonly minRetransmissionTimeoutMs?: number;
  /** @default 60000 (2 MSL) */
  readonly timeWaitMs?: number;
  /** Connections kept in TIME-WAIT, the oldest is dropped beyond. @default 8192 */
  readonly maxTimeWait?: number;
  /** Connections of all states; SYNs beyond are dropped. @default 65536 */
  readonly maxConnections?: number;
  /** Attempts that wait for a decision of `listenAny`. @default 4096 */
  readonly maxAttempts?: number;
}

/** A whole host: Ethernet, neighbours, IPv4 and IPv6, ICMP, UDP and TCP. */
export interface Stack extends PacketMachine {
  readonly tcp: TcpService;
  readonly udp: UdpService;
  readonly icmp: IcmpService;
}

/** The signature of `createStack`. */
export type CreateStack = (options: StackOptions) => Stack;
