import type { IpAddress } from '@orlop/netstack';
import type { HostEchoEvents, HostEchoSocket, HostFailure } from '../host/host-sockets.ts';
import { type DatagramScratch, NativeDatagram } from './datagram.ts';
import type { QueuedError } from './error-queue.ts';
import type { Poller } from './poller.ts';

const ECHO_HEADER_LEN = 8;
const NO_PORT = 0;

/**
 * A ping socket (icmp(7)): the kernel puts its own identifier and checksum, and gives only replies to it.
 * Needs the user's group in `net.ipv4.ping_group_range`.
 */
export class NativeEcho implements HostEchoSocket {
  readonly #datagrams: NativeDatagram;
  readonly #requestType: number;

  constructor(
    poller: Poller,
    socket: { readonly descriptor: number; readonly family: 4 | 6 },
    events: HostEchoEvents,
    scratch: DatagramScratch,
  ) {
    this.#requestType = socket.family === 4 ? 8 : 128;
    const own = {
      onDatagram: (message: Uint8Array, from: IpAddress) => {
        if (message.length < ECHO_HEADER_LEN) return;
        events.onReply(sequenceOf(message), message.subarray(ECHO_HEADER_LEN), from);
      },
      onError: ({ payload, failure, by }: QueuedError) => {
        if (payload.length >= ECHO_HEADER_LEN) events.onFailed(sequenceOf(payload), failure, by);
      },
    };
    this.#datagrams = new NativeDatagram(poller, socket, own, scratch);
  }

  send(
    sequence: number,
    payload: Uint8Array,
    address: IpAddress,
    hopLimit?: number,
  ): HostFailure | undefined {
    const message = new Uint8Array(ECHO_HEADER_LEN + payload.length);
    message[0] = this.#requestType;
    message[6] = sequence >>> 8;
    message[7] = sequence & 0xff;
    message.set(payload, ECHO_HEADER_LEN);
    return this.#datagrams.send(message, address, NO_PORT, hopLimit);
  }

  close(): void {
    this.#datagrams.close();
  }
}

function sequenceOf(message: Uint8Array): number {
  return ((message[6] ?? 0) << 8) | (message[7] ?? 0);
}
