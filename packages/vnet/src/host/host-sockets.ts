import type { IcmpReporter, IpAddress } from '@orlop/netstack';

/**
 * The host's sockets as the network uses them. Three implementations share one compliance suite: system calls
 * (`native-sockets.ts`, Linux), Node's own (`node-sockets.ts`, everywhere) and in-memory ones for tests.
 *
 * Everything is non-blocking and told by events; nobody allocates a promise per packet.
 */

export type HostFailure =
  | 'refused'
  | 'reset'
  | 'timed-out'
  | 'host-unreachable'
  | 'network-unreachable'
  | 'time-exceeded' // more hops than the packet was allowed
  | 'denied'
  | 'too-big'
  | 'address-in-use'
  | 'address-unavailable'
  | 'not-found' // a unix socket that does not exist
  | 'exhausted' // no descriptors, ports or memory left
  | 'other';

export type HostEndpoint =
  | { readonly kind: 'ip'; readonly address: IpAddress; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface HostStreamEvents {
  /** The connection stands; not called for accepted ones. */
  onOpen(): void;
  /** `read` may have something; repeated while it has and `wantRead(true)` holds. */
  onReadable(): void;
  /** After a `write` that took less than given: there is room again. */
  onWritable(): void;
  /** The connection is gone, or never came; nothing is called after this. `by` is who said so, where that is known. */
  onFailed(failure: HostFailure, by?: IcmpReporter): void;
}

/** `read` answers this when nothing is there yet. */
export const WOULD_BLOCK = -1;

export interface HostStream {
  /** Bytes put at the start of `into`; 0 at the end of the stream; {@link WOULD_BLOCK} when none are there. */
  read(into: Uint8Array): number;
  /**
   * Of `from[at, at + length)`, by default all of it: how many bytes were taken; fewer than given means that `onWritable`
   * will be called. The rest stays yours.
   */
  write(from: Uint8Array, at?: number, length?: number): number;
  /** Whether `onReadable` is wanted: false makes the other side wait. @default false */
  wantRead(want: boolean): void;
  /** Sends the end of our direction once; what was written goes first. */
  end(): void;
  /** Lets go in an orderly way. Nothing is called afterwards. */
  close(): void;
  /** Drops the connection so that the other side sees a reset. Nothing is called afterwards. */
  reset(): void;
  readonly remote: HostEndpoint;
  readonly local: HostEndpoint;
  /** Whether the connection stands. */
  readonly isOpen: boolean;
}

export interface HostListener {
  readonly local: HostEndpoint;
  /** Ends listening; a unix socket's path is removed. Accepted connections live on. */
  close(): void;
}

export interface HostDatagramEvents {
  /** `payload` is valid during the call only. */
  onDatagram(payload: Uint8Array, address: IpAddress, port: number): void;
  /** An ICMP error came back for what was sent to this destination. `by` is whose, where that is known. */
  onFailed(failure: HostFailure, address: IpAddress, port: number, by?: IcmpReporter): void;
}

export interface HostDatagramSocket {
  /**
   * Sends one datagram, copied if it cannot go at once. What the host refuses is told as an answer.
   *
   * @param hopLimit - how many routers may pass it on. Portable sockets take no notice. @default the host's
   */
  send(payload: Uint8Array, address: IpAddress, port: number, hopLimit?: number): HostFailure | undefined;
  readonly local: HostEndpoint;
  close(): void;
}

/**
 * What waits in the kernel to be read from a UDP socket, as far as the host allows (`net.core.rmem_max`): even by its
 * defaults twice what a socket has, some 200 datagrams of 1200 bytes.
 */
export const DATAGRAM_BUFFER_BYTES = 1 << 20;

/** An ICMP echo socket without privileges (Linux `ping_group_range`, macOS). */
export interface HostEchoSocket {
  /** Sends an echo request: identifier is the host's, `sequence` and payload are ours. */
  send(sequence: number, payload: Uint8Array, address: IpAddress, hopLimit?: number): HostFailure | undefined;
  close(): void;
}

export interface HostEchoEvents {
  onReply(sequence: number, payload: Uint8Array, address: IpAddress): void;
  /** A request could not be delivered, as ICMP told the host later. */
  onFailed(sequence: number, failure: HostFailure, by?: IcmpReporter): void;
}

export interface ConnectOptions {
  /** @default false */
  readonly mayOpenAtOnce?: boolean;
  /** How many routers may pass the connection's packets on. Portable sockets take no notice. @default the host's */
  readonly hopLimit?: number;
}

export interface ListenOptions {
  /** @default 128 */
  readonly backlog?: number;
  /** File mode of a unix socket. @default 0o600 */
  readonly mode?: number;
}

export interface HostSockets {
  readonly kind: 'native' | 'node' | 'memory';
  /**
   * Starts a connection; its outcome comes by `onOpen` or `onFailed`, never before this call has returned. With
   * `mayOpenAtOnce`, an answer that `isOpen` already (a connection within the host) is not told again by `onOpen`.
   */
  connect(endpoint: HostEndpoint, events: HostStreamEvents, options?: ConnectOptions): HostStream;
  /** @throws OrlopError `vnet.bind-failed`, `vnet.bind-denied`, `vnet.bind-unavailable` */
  listen(
    endpoint: HostEndpoint,
    onConnection: (stream: HostStream) => HostStreamEvents,
    options?: ListenOptions,
  ): Promise<HostListener>;
  /** A datagram socket on a port of the host's choice. */
  openDatagram(family: 4 | 6, events: HostDatagramEvents): HostDatagramSocket;
  /** A datagram socket on this address and port (0: the host's choice).
   * @throws OrlopError `vnet.bind-failed`, `vnet.bind-denied`, `vnet.bind-unavailable` */
  bindDatagram(address: IpAddress, port: number, events: HostDatagramEvents): Promise<HostDatagramSocket>;
  /** Undefined where the host gives no such socket to this user. */
  openEcho(family: 4 | 6, events: HostEchoEvents): HostEchoSocket | undefined;
}
