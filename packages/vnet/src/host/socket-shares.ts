/** How many of the host's sockets each kind of traffic may have at once, so that none starves the others. */
export interface SocketShares {
  /** Guests' connections outwards, three quarters of them of one guest. */
  readonly tcp: number;
  /** Connections of one forward. */
  readonly forward: number;
  /** Guests' UDP ports, half of them of one guest. */
  readonly udp: number;
  /** Questions to DNS servers, three quarters of them of one guest; others wait. */
  readonly dns: number;
  /** Echo requests under way, half of them of one guest. */
  readonly echo: number;
}

/** Where the host sets no bound. */
export const ALL_SOCKETS: SocketShares = { tcp: 16_384, forward: 4096, udp: 4096, dns: 512, echo: 256 };

/** Node's own descriptors, links, forwards' listeners, and who asks what the network does. */
const RESERVED = 64;
/** What is left, in sixteenths. */
const SIXTEENTHS: SocketShares = { tcp: 6, forward: 4, udp: 3, dns: 2, echo: 1 };

/** @param descriptorLimit - descriptors that this process may have (`ulimit -n`) */
export function shareSockets(descriptorLimit: number): SocketShares {
  const sixteenth = Math.max(1, (descriptorLimit - RESERVED) / 16);
  const of = (kind: keyof SocketShares) =>
    Math.floor(Math.min(ALL_SOCKETS[kind], sixteenth * SIXTEENTHS[kind]));
  return { tcp: of('tcp'), forward: of('forward'), udp: of('udp'), dns: of('dns'), echo: of('echo') };
}
