import type { IpAddress } from '@orlop/netstack';
import type { MacAddress } from '@orlop/wire';
import type { Port } from '../switch/port.ts';

/** As many as one port may have Ethernet addresses. */
const MAX_CLAIMS_PER_PORT = 64;

/** Whose address it is has this long to answer that it still is, when another one wants it. */
const ANSWER_MS = 1000;
/** After this long without another attempt it is asked anew. */
const CONTEST_MS = 10_000;

interface Claim {
  readonly mac: MacAddress;
  readonly port: Port;
  /** When another one wanted the address and its holder was asked, which has said nothing since. */
  contestedAtMs: number | undefined;
}

export interface AddressClaimsOptions {
  readonly portOf: (mac: MacAddress) => Port | undefined;
  readonly now: () => number;
  /** Asks a neighbour whether the address is its own; what it answers comes by `claim`. */
  readonly ask: (address: IpAddress, holder: MacAddress) => void;
}

/**
 * Who said first that an IPv6 address is its own, as nobody leases them (first come, first served: RFC 6620). A
 * virtual address moves: who wants it gets it when the one that has it does not answer that it still does.
 *
 * Invariant: at most 64 claims a port; a claim is worth nothing once its Ethernet address is gone from its port.
 */
export class AddressClaims {
  readonly #claims = new Map<string, Claim>();
  readonly #counts = new Map<Port, number>();
  readonly #options: AddressClaimsOptions;

  constructor(options: AddressClaimsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#claims.size;
  }

  /** Whether the address is, or now becomes, that of who is behind `port`. */
  claim(address: IpAddress, mac: MacAddress, port: Port): boolean {
    const key = address.toString();
    const known = this.#claims.get(key);
    if (known?.port === port) {
      known.contestedAtMs = undefined;
      return true;
    }
    if (known !== undefined && this.#isHeld(address, known)) return false;
    if (known !== undefined) this.#forget(key, known);
    const count = this.#counts.get(port) ?? 0;
    if (count >= MAX_CLAIMS_PER_PORT) this.#forgetOldestOf(port);
    this.#claims.set(key, { mac, port, contestedAtMs: undefined });
    this.#counts.set(port, (this.#counts.get(port) ?? 0) + 1);
    return true;
  }

  /** Forgets what a port that was unplugged had. */
  forgetPort(port: Port): void {
    for (const [address, claim] of this.#claims) if (claim.port === port) this.#claims.delete(address);
    this.#counts.delete(port);
  }

  /** Whether who has the address is still there, and did not leave the question unanswered whether it still has it. */
  #isHeld(address: IpAddress, known: Claim): boolean {
    const { portOf, now, ask } = this.#options;
    if (portOf(known.mac) !== known.port) return false;
    const since = now() - (known.contestedAtMs ?? Number.NEGATIVE_INFINITY);
    if (since < CONTEST_MS) return since < ANSWER_MS;
    known.contestedAtMs = now();
    ask(address, known.mac);
    return true;
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
