import type { IcmpReporter } from '@orlop/netstack';
import type { HostEndpoint, HostFailure } from '../host/host-sockets.ts';
import {
  IP_RECVERR,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_HOPLIMIT,
  IPV6_RECVERR,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
} from './constants.ts';
import { failureOfErrno } from './failure.ts';
import type { Poller } from './poller.ts';
import { readSocketAddress } from './socket-address.ts';

export interface QueuedError {
  readonly failure: HostFailure;
  readonly destination: HostEndpoint;
  /** Who said so by ICMP; undefined where the host itself did. */
  readonly by: IcmpReporter | undefined;
  /** What was sent, as far as the error quotes it; valid until the next is read. */
  readonly payload: Uint8Array;
}

// struct msghdr on 64-bit systems.
const MESSAGE_HEADER_LEN = 56;
const MESSAGE_NAME_LEN_AT = 8;
const MESSAGE_CONTROL_LEN_AT = 40;
const CONTROL_LEN = 512;
/** struct cmsghdr: length (with itself), level, type. */
const CONTROL_HEADER_LEN = 16;
/** struct sock_extended_err, behind which the address stands of who sent the error. */
const EXTENDED_ERROR_LEN = 16;
const ORIGIN_AT = 4;
const TYPE_AT = 5;
/** Values of its origin, and what type of message says by each that the hop limit was reached. */
const TIME_EXCEEDED_OF_ORIGIN: ReadonlyMap<number, number> = new Map([
  [2, 11], // SO_EE_ORIGIN_ICMP
  [3, 3], // SO_EE_ORIGIN_ICMP6
]);

/** `recvmsg(MSG_ERRQUEUE)`: the destination is in the name, what happened in control messages. */
export class ErrorQueueReader {
  readonly #poller: Poller;
  readonly #header = new Uint8Array(MESSAGE_HEADER_LEN);
  readonly #view = new DataView(this.#header.buffer);
  readonly #name = new Uint8Array(new ArrayBuffer(128));
  readonly #control = new Uint8Array(new ArrayBuffer(CONTROL_LEN));
  readonly #payload = new Uint8Array(new ArrayBuffer(2048));
  readonly #vector = new Uint8Array(new ArrayBuffer(16));

  constructor(poller: Poller) {
    this.#poller = poller;
  }

  read(descriptor: number): QueuedError | undefined {
    const { library } = this.#poller;
    const vector = new DataView(this.#vector.buffer);
    vector.setBigUint64(0, BigInt(library.addressOf(this.#payload)), true);
    vector.setBigUint64(8, BigInt(this.#payload.length), true);
    this.#view.setBigUint64(0, BigInt(library.addressOf(this.#name)), true);
    this.#view.setUint32(MESSAGE_NAME_LEN_AT, this.#name.length, true);
    this.#view.setBigUint64(16, BigInt(library.addressOf(this.#vector)), true);
    this.#view.setBigUint64(24, 1n, true);
    this.#view.setBigUint64(32, BigInt(library.addressOf(this.#control)), true);
    this.#view.setBigUint64(MESSAGE_CONTROL_LEN_AT, BigInt(CONTROL_LEN), true);
    const length = library.recvmsg(descriptor, this.#header, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (length < 0) return undefined;
    return {
      ...this.#readControl(Number(this.#view.getBigUint64(MESSAGE_CONTROL_LEN_AT, true))),
      destination: readSocketAddress(this.#name, this.#view.getUint32(MESSAGE_NAME_LEN_AT, true)),
      payload: this.#payload.subarray(0, length),
    };
  }

  #readControl(end: number): Pick<QueuedError, 'failure' | 'by'> {
    const view = new DataView(this.#control.buffer);
    let failure: HostFailure = 'other';
    let offender: HostEndpoint | undefined;
    let hopLimit: number | undefined;
    for (let at = 0; at + CONTROL_HEADER_LEN <= end; ) {
      const length = Number(view.getBigUint64(at, true));
      if (length < CONTROL_HEADER_LEN) break;
      const level = view.getUint32(at + 8, true);
      const type = view.getUint32(at + 12, true);
      const data = at + CONTROL_HEADER_LEN;
      if (isOf(level, type, IP_TTL, IPV6_HOPLIMIT)) hopLimit = view.getUint32(data, true);
      else if (isOf(level, type, IP_RECVERR, IPV6_RECVERR)) {
        const expired = TIME_EXCEEDED_OF_ORIGIN.get(view.getUint8(data + ORIGIN_AT));
        failure = failureOfErrno(view.getUint32(data, true));
        if (expired === view.getUint8(data + TYPE_AT)) failure = 'time-exceeded';
        const address = this.#control.subarray(data + EXTENDED_ERROR_LEN, at + length);
        if (expired !== undefined) offender = readSocketAddress(address, address.length);
      }
      at += (length + 7) & ~7;
    }
    if (offender?.kind !== 'ip') return { failure, by: undefined };
    // The gateway is one hop more.
    const left = hopLimit === undefined ? {} : { hopLimit: Math.max(1, hopLimit - 1) };
    return { failure, by: { address: offender.address, ...left } };
  }
}

function isOf(level: number, type: number, type4: number, type6: number): boolean {
  return (level === IPPROTO_IP && type === type4) || (level === IPPROTO_IPV6 && type === type6);
}
