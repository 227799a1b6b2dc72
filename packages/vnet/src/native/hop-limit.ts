import { IP_RECVTTL, IP_TTL, IPV6_RECVHOPLIMIT, IPV6_UNICAST_HOPS } from './constants.ts';
import type { Poller } from './poller.ts';
import { setIpOption } from './stream.ts';

/** What the kernel takes for its own default. */
const DEFAULT = -1;
const HOP_LIMIT = [IP_TTL, IPV6_UNICAST_HOPS] as const;
const RECEIVE_HOP_LIMIT = [IP_RECVTTL, IPV6_RECVHOPLIMIT] as const;

/** How far the packets of one socket may go: a system call only where that is another than before. */
export class SocketHopLimit {
  readonly #poller: Poller;
  readonly #socket: { readonly descriptor: number; readonly family: 4 | 6 };
  #current: number | undefined = undefined;
  #asked = false;

  constructor(poller: Poller, socket: { readonly descriptor: number; readonly family: 4 | 6 }) {
    this.#poller = poller;
    this.#socket = socket;
  }

  set(hopLimit: number | undefined): void {
    if (hopLimit === this.#current) return;
    this.#current = hopLimit;
    setIpOption(this.#poller, this.#socket, HOP_LIMIT, hopLimit ?? DEFAULT);
    if (this.#asked) return;
    this.#asked = true;
    // Errors then say how far they came themselves.
    setIpOption(this.#poller, this.#socket, RECEIVE_HOP_LIMIT, 1);
  }
}
