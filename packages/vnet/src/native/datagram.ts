import type { IpAddress } from '@orlop/netstack';
import { copyInto } from '@orlop/wire';
import type { HostDatagramSocket, HostEndpoint, HostFailure } from '../host/host-sockets.ts';
import { MSG_DONTWAIT, MSG_NOSIGNAL, UV_READABLE } from './constants.ts';
import { ErrorQueueReader, type QueuedError } from './error-queue.ts';
import { failureOfErrno } from './failure.ts';
import { SocketHopLimit } from './hop-limit.ts';
import { type Poller, type Watch, wouldBlock } from './poller.ts';
import { ReadBudget } from './read-budget.ts';
import { emitIpSocketAddress, readSocketAddress, SOCKET_ADDRESS_MAX_LEN } from './socket-address.ts';
import { localAddress } from './stream.ts';

/** Errors per wake-up: bounded work, so that one flow does not starve the loop. */
const MAX_ERRORS_PER_TURN = 64;
const DATAGRAM_MAX_LEN = 65_535;

/** Scratch memory shared by the sockets of one process: used only within a call. */
export interface DatagramScratch {
  readonly payload: Uint8Array;
  readonly address: Uint8Array;
  readonly length: Uint8Array;
  readonly payloadAddress: number;
  readonly addressAddress: number;
  readonly lengthAddress: number;
  readonly errorQueue: ErrorQueueReader;
}

export function createDatagramScratch(poller: Poller): DatagramScratch {
  // Not inside V8's heap, where arrays move.
  const payload = new Uint8Array(new ArrayBuffer(DATAGRAM_MAX_LEN));
  const address = new Uint8Array(new ArrayBuffer(SOCKET_ADDRESS_MAX_LEN));
  const length = new Uint8Array(new ArrayBuffer(4));
  return {
    payload,
    address,
    length,
    payloadAddress: poller.library.addressOf(payload),
    addressAddress: poller.library.addressOf(address),
    lengthAddress: poller.library.addressOf(length),
    errorQueue: new ErrorQueueReader(poller),
  };
}

export interface NativeDatagramEvents {
  /** @param payload valid within the call */
  readonly onDatagram: (payload: Uint8Array, address: IpAddress, port: number) => void;
  /** @param error its payload is valid within the call */
  readonly onError: (error: QueuedError) => void;
}

/** A datagram socket of IP by its descriptor, with IP_RECVERR: ICMP errors are read from its error queue. */
export class NativeDatagram implements HostDatagramSocket {
  readonly #poller: Poller;
  readonly #descriptor: number;
  readonly #events: NativeDatagramEvents;
  readonly #scratch: DatagramScratch;
  readonly #watch: Watch;
  readonly #budget = new ReadBudget();
  readonly #hopLimit: SocketHopLimit;
  #closed = false;

  constructor(
    poller: Poller,
    socket: { readonly descriptor: number; readonly family: 4 | 6 },
    events: NativeDatagramEvents,
    scratch: DatagramScratch,
  ) {
    this.#poller = poller;
    this.#descriptor = socket.descriptor;
    this.#events = events;
    this.#scratch = scratch;
    this.#hopLimit = new SocketHopLimit(poller, socket);
    this.#watch = poller.watch(socket.descriptor, () => this.#onReady());
    this.#watch.want(UV_READABLE);
  }

  get local(): HostEndpoint {
    return localAddress(this.#poller, this.#descriptor);
  }

  send(payload: Uint8Array, address: IpAddress, port: number, hopLimit?: number): HostFailure | undefined {
    if (this.#closed) return 'other';
    this.#hopLimit.set(hopLimit);
    const { library } = this.#poller;
    const length = emitIpSocketAddress(this.#scratch.address, address, port);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    // An error of an earlier datagram is told by this call once: then the call is made again.
    for (let attempt = 0; attempt < 2; attempt++) {
      const sent = this.#sendTo(payload, flags, length);
      if (sent >= 0) return undefined;
      const errno = library.errno();
      if (wouldBlock(errno)) return 'exhausted';
      if (!this.#readErrors() || this.#closed) return failureOfErrno(errno);
    }
    return undefined;
  }

  #sendTo(payload: Uint8Array, flags: number, addressLength: number): number {
    const { library, scratch } = this.#poller;
    const { address, addressAddress } = this.#scratch;
    const { length } = payload;
    if (length > scratch.bytes.length) {
      return library.sendto(this.#descriptor, payload, length, flags, address, addressLength);
    }
    copyInto(payload, 0, length, scratch.bytes, 0);
    return library.sendtoFrom(
      this.#descriptor,
      scratch.address,
      length,
      flags,
      addressAddress,
      addressLength,
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
    this.#poller.library.close(this.#descriptor);
  }

  #onReady(): void {
    const { payload, address, length, payloadAddress, addressAddress, lengthAddress } = this.#scratch;
    let datagrams = 0;
    const budget = this.#budget.begin(this.#poller.looks);
    for (let i = 0; i < budget && !this.#closed; i++) {
      length[0] = SOCKET_ADDRESS_MAX_LEN;
      const count = this.#poller.library.recvfromTo(
        this.#descriptor,
        payloadAddress,
        DATAGRAM_MAX_LEN,
        MSG_DONTWAIT,
        addressAddress,
        lengthAddress,
      );
      if (count < 0) {
        // An event without a datagram is an error's.
        if (wouldBlock(this.#poller.library.errno()) && i > 0) break;
        if (!this.#readErrors()) break;
        continue;
      }
      datagrams++;
      const from = readSocketAddress(address, length[0] ?? 0);
      if (from.kind === 'ip') this.#events.onDatagram(payload.subarray(0, count), from.address, from.port);
    }
    this.#budget.end(datagrams);
  }

  /** Whether there was any. */
  #readErrors(): boolean {
    let any = false;
    for (let i = 0; i < MAX_ERRORS_PER_TURN && !this.#closed; i++) {
      const error = this.#scratch.errorQueue.read(this.#descriptor);
      if (error === undefined) return any;
      any = true;
      this.#events.onError(error);
    }
    return any;
  }
}
