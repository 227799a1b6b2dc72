import {
  IP_RECVTTL,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVHOPLIMIT,
  IPV6_UNICAST_HOPS,
} from './constants.ts';
import type { Poller } from './poller.ts';
import { setOption } from './stream.ts';

/** What the kernel takes for its own default. */
const DEFAULT = -1;

/** How far the packets of one socket may go: a system call only where that is another than before. */
export class SocketHopLimit {
  readonly #poller: Poller;
  readonly #descriptor: number;
  readonly #family: 4 | 6;
  #current: number | undefined = undefined;
  #asked = false;

  constructor(poller: Poller, descriptor: number, family: 4 | 6) {
    this.#poller = poller;
    this.#descriptor = descriptor;
    this.#family = family;
  }

  set(hopLimit: number | undefined): void {
    if (hopLimit === this.#current) return;
    this.#current = hopLimit;
    this.#option(IP_TTL, IPV6_UNICAST_HOPS, hopLimit ?? DEFAULT);
    if (this.#asked) return;
    this.#asked = true;
    // Errors then say how far they came themselves.
    this.#option(IP_RECVTTL, IPV6_RECVHOPLIMIT, 1);
  }

  #option(name4: number, name6: number, value: number): void {
    const [level, name] = this.#family === 4 ? [IPPROTO_IP, name4] : [IPPROTO_IPV6, name6];
    setOption(this.#poller, this.#descriptor, level, name, value);
  }
}
