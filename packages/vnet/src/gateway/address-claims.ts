import type { MacAddress } from '@orlop/wire';
import type { Port } from '../switch/port.ts';

/** As many as one port may have Ethernet addresses. */
const MAX_CLAIMS_PER_PORT = 64;

interface Claim {
  readonly mac: MacAddress;
  readonly port: Port;
}

/**
 * Who said first that an IPv6 address is its own, as nobody leases them (first come, first served: RFC 6620).
 *
 * Invariant: at most 64 claims a port; a claim is worth nothing once its Ethernet address is gone from its port.
 */
export class AddressClaims {
  readonly #claims = new Map<string, Claim>();
  readonly #counts = new Map<Port, number>();
  readonly #portOf: (mac: MacAddress) => Port | undefined;

  constructor(portOf: (mac: MacAddress) => Port | undefined) {
    this.#portOf = portOf;
  }

  get size(): number {
    return this.#claims.size;
  }

  /** Whether the address is, or now becomes, that of who is behind `port`. */
  claim(address: string, mac: MacAddress, port: Port): boolean {
    const known = this.#claims.get(address);
    if (known?.port === port) return true;
    if (known !== undefined && this.#portOf(known.mac) === known.port) return false;
    if (known !== undefined) this.#forget(address, known);
    const count = this.#counts.get(port) ?? 0;
    if (count >= MAX_CLAIMS_PER_PORT) this.#forgetOldestOf(port);
    this.#claims.set(address, { mac, port });
    this.#counts.set(port, (this.#counts.get(port) ?? 0) + 1);
    return true;
  }

  /** Forgets what a port that was unplugged had. */
  forgetPort(port: Port): void {
    for (const [address, claim] of this.#claims) if (claim.port === port) this.#claims.delete(address);
    this.#counts.delete(port);
  }

  #forgetOldestOf(port: Port): void {
    for (const [address, claim] of this.#claims) {
      if (claim.port !== port) continue;
      this.#forget(address, claim);
      return;
    }
  }

  #forget(address: string, { port }: Claim): void {
    this.#claims.delete(address);
    this.#counts.set(port, (this.#counts.get(port) ?? 1) - 1);
  }
}
