/** Who something is open for: a port of the segment where that is known, otherwise an address. */
export type Owner = number | string;

/** Owners that may stay known without anything open: a map that is entered and left for each connection is remade for each. */
const MAX_IDLE_OWNERS = 64;

export interface ShareLimits {
  /** Of all owners together. @default no limit */
  readonly total?: number;
  readonly perOwner: number;
}

/**
 * Counts what is open at once, of all and of each owner, so that none takes the room of others.
 *
 * Invariant: no more than the limits say is entered and has not left.
 */
export class OwnerShares {
  readonly #limits: ShareLimits;
  #count = 0;
  readonly #countOf = new Map<Owner, number>();

  constructor(limits: ShareLimits) {
    this.#limits = limits;
  }

  /** Whether the owner may have one more. */
  hasRoom(owner: Owner): boolean {
    const { total = Number.POSITIVE_INFINITY, perOwner } = this.#limits;
    return this.#count < total && (this.#countOf.get(owner) ?? 0) < perOwner;
  }

  /** @returns whether the owner may have one more, which is its own until {@link leave} */
  enter(owner: Owner): boolean {
    if (!this.hasRoom(owner)) return false;
    this.#count++;
    this.#countOf.set(owner, (this.#countOf.get(owner) ?? 0) + 1);
    return true;
  }

  /** Once for each {@link enter} that was granted. */
  leave(owner: Owner): void {
    this.#count--;
    const left = (this.#countOf.get(owner) ?? 1) - 1;
    if (left === 0 && this.#countOf.size > MAX_IDLE_OWNERS) this.#countOf.delete(owner);
    else this.#countOf.set(owner, left);
  }
}
