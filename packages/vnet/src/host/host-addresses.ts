import { networkInterfaces } from 'node:os';
import { IpAddress } from '@orlop/netstack';

/** Interfaces come and go with cables and VPNs; asking for each connection would cost more than the connection. */
const KNOWN_FOR_MS = 1000;

/** The addresses of the host's interfaces now, at most a second old. */
export function hostAddresses(now: () => number): () => readonly IpAddress[] {
  let known: readonly IpAddress[] = [];
  let askedAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (now() - askedAt < KNOWN_FOR_MS) return known;
    askedAt = now();
    known = Object.values(networkInterfaces()).flatMap((addresses) =>
      (addresses ?? []).flatMap(({ address }) => IpAddress.parse(address.replace(/%.*$/, '')) ?? []),
    );
    return known;
  };
}
