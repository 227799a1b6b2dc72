import type { IpAddress } from '@orlop/netstack';
import type { HostEchoEvents, HostEchoSocket, HostFailure } from '../host/host-sockets.ts';
import { MSG_DONTWAIT, UV_READABLE } from './constants.ts';
import type { DatagramScratch } from './datagram.ts';
import { failureOfErrno } from './failure.ts';
import { SocketHopLimit } from './hop-limit.ts';
import type { Poller, Watch } from './poller.ts';
import { emitIpSocketAddress, readSocketAddress, SOCKET_ADDRESS_MAX_LEN } from './socket-address.ts';

const ECHO_HEADER_LEN = 8;
const READS_PER_TURN = 64;

/**
 * A ping socket (icmp(7)): the kernel puts its own identifier and checksum, and gives only replies to it.
 * Needs the user's group in `net.ipv4.ping_group_range`.
 */
export class NativeEcho implements HostEchoSocket {
  readonly #poller: Poller;
  readonly #descriptor: number;
  readonly #events: HostEchoEvents;
  readonly #scratch: DatagramScratch;
  readonly #requestType: number;
  readonly #watch: Watch;
  readonly #hopLimit: SocketHopLimit;
  #closed = false;

  constructor(
    poller: Poller,
    descriptor: number,
    family: 4 | 6,
    events: HostEchoEvents,
    scratch: DatagramScratch,
  ) {
    this.#poller = poller;
    this.#descriptor = descriptor;
    this.#requestType = family === 4 ? 8 : 128;
    this.#events = events;
    this.#scratch = scratch;
    this.#hopLimit = new SocketHopLimit(poller, { descriptor, family });
    this.#watch = poller.watch(descriptor, () => this.#onReady());
    this.#watch.want(UV_READABLE);
  }

  send(
    sequence: number,
    payload: Uint8Array,
    address: IpAddress,
    hopLimit?: number,
  ): HostFailure | undefined {
    if (this.#closed) return 'other';
    this.#hopLimit.set(hopLimit);
    const message = new Uint8Array(ECHO_HEADER_LEN + payload.length);
    message[0] = this.#requestType;
    message[6] = sequence >>> 8;
    message[7] = sequence & 0xff;
    message.set(payload, ECHO_HEADER_LEN);
    const length = emitIpSocketAddress(this.#scratch.address, address, 0);
    const { library } = this.#poller;
    // An error of an earlier request is told by this call once: then the call is made again.
    for (let attempt = 0; attempt < 2; attempt++) {
      const sent = library.sendto(
        this.#descriptor,
        message,
        message.length,
        MSG_DONTWAIT,
        this.#scratch.address,
        length,
      );
      if (sent >= 0) return undefined;
      const errno = library.errno();
      if (!this.#readErrors() || this.#closed) return failureOfErrno(errno);
    }
    return undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
    this.#poller.library.close(this.#descriptor);
  }

  #onReady(): void {
    const { payload, address, length } = this.#scratch;
    const { library } = this.#poller;
    for (let i = 0; i < READS_PER_TURN && !this.#closed; i++) {
      length[0] = SOCKET_ADDRESS_MAX_LEN;
      const count = library.recvfrom(
        this.#descriptor,
        payload,
        payload.length,
        MSG_DONTWAIT,
        address,
        length,
      );
      if (count < 0) {
        // An event without a reply is an error's.
        if (!this.#readErrors()) return;
        continue;
      }
      if (count < ECHO_HEADER_LEN) continue;
      const from = readSocketAddress(address, length[0] ?? 0);
      if (from.kind !== 'ip') continue;
      this.#events.onReply(sequenceOf(payload), payload.subarray(ECHO_HEADER_LEN, count), from.address);
    }
  }

  /** Whether there was any. */
  #readErrors(): boolean {
    let any = false;
    for (let i = 0; i < READS_PER_TURN && !this.#closed; i++) {
      const error = this.#scratch.errorQueue.read(this.#descriptor);
      if (error === undefined) break;
      any = true;
      if (error.payload.length >= ECHO_HEADER_LEN) {
        this.#events.onFailed(sequenceOf(error.payload), error.failure, error.by);
      }
    }
    return any;
  }
}

function sequenceOf(message: Uint8Array): number {
  return ((message[6] ?? 0) << 8) | (message[7] ?? 0);
}
