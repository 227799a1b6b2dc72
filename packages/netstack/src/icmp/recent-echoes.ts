import type { IpAddress } from '../ip/address.ts';

/** What a router may have to say of an echo message comes at once. */
const MAX_RECENT = 64;

interface Echo {
  readonly identifier: number;
  readonly sequence: number;
}

/**
 * The last echo messages that a path may not carry whole, so that nobody makes up an error about one that was never sent
 * (RFC 8201 §4, RFC 5927 §4).
 */
export class RecentEchoes {
  readonly #keys = new Set<string>();

  note(remote: IpAddress, echo: Echo): void {
    const key = keyOf(remote, echo);
    this.#keys.delete(key);
    this.#keys.add(key);
    const oldest = this.#keys.values().next();
    if (this.#keys.size > MAX_RECENT && oldest.done !== true) this.#keys.delete(oldest.value);
  }

  has(remote: IpAddress, echo: Echo): boolean {
    return this.#keys.has(keyOf(remote, echo));
  }
}

function keyOf(remote: IpAddress, { identifier, sequence }: Echo): string {
  return `${remote} ${identifier} ${sequence}`;
}
