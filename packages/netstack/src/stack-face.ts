import type { Random } from '@orlop/core';
import type { MacAddress } from '@orlop/wire';
import type { EthernetPort } from './ethernet.ts';
import type { IcmpService, PacketMachine, TcpService, UdpService } from './face.ts';
import type { Icmp } from './icmp/icmp.ts';
import type { IpAddress, IpPrefix } from './ip/address.ts';
import type { IpLayer } from './ip/ip-layer.ts';
import type { Ipv4 } from './ip/ipv4.ts';
import type { Ipv6 } from './ip/ipv6.ts';
import type { Timed, Wake } from './machine.ts';
import type { Arp } from './neighbours/arp.ts';
import type { Ndp } from './neighbours/ndp.ts';

/** What a host needs; the defaults are for an honest Ethernet of MTU 1500. */
export interface HostOptions {
  /** Our Ethernet address. */
  readonly mac: MacAddress;
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
   * Say in neighbour advertisements that this station is a router (RFC 4861 §4.4), and take packets to others only
   * if they may go a hop further. @default false
   */
  readonly router?: boolean;
  /**
   * The link cannot corrupt (a VM's socket): checksums of received packets are not verified. @default false
   */
  readonly trustedLink?: boolean;
}

export interface StackOptions extends HostOptions {
  /** The link fills in TCP and UDP checksums of what we send (virtio, TAP with a header). @default false */
  readonly checksumOffload?: boolean;
  readonly tcp?: TcpSettings;
}

/** The modules of a host without transport protocols; each is open to view (counters, tables). */
export interface HostParts {
  readonly wake: Wake;
  readonly ethernet: EthernetPort;
  readonly ip: IpLayer;
  readonly arp: Arp;
  readonly ndp: Ndp;
  readonly ipv4: Ipv4;
  readonly ipv6: Ipv6;
  readonly icmp: Icmp;
  readonly timed: readonly Timed[];
}

export interface TcpSettings {
  /** @default 'cubic' */
  readonly congestion?: 'cubic' | 'reno';
  /** Receive queue: bytes offered at first and bound of autotuning. @default 64 KiB, 4 MiB */
  readonly receiveBuffer?: { readonly initial: number; readonly max: number };
  /** Send queue: bound of unacknowledged bytes. @default 64 KiB, 4 MiB */
  readonly sendBuffer?: { readonly initial: number; readonly max: number };
  /** Bytes in the queues of all connections beyond which no queue grows. @default 256 MiB */
  readonly memoryBudget?: number;
  /** Offer and accept selective acknowledgements (RFC 2018). @default true */
  readonly selectiveAcknowledgment?: boolean;
  /** Offer and accept timestamps (RFC 7323). @default true */
  readonly timestamps?: boolean;
  /** How long an acknowledgement may wait for company; 0 = sent with the next poll. @default 40 */
  readonly delayedAckMs?: number;
  /** Acknowledgements at once at the beginning of a connection, while the peer is in slow start. @default 8 */
  readonly quickAcks?: number;
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
  /** The modules below, with their counters. */
  readonly host: HostParts;
}
