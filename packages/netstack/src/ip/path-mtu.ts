import type { IpAddress } from './address.ts';

/** RFC 1191 §6.3, RFC 8201 §4: after ten minutes a larger size may be tried again. */
const LIFETIME_MS = 600_000;
const MAX_ENTRIES = 1024;

/** Path MTUs that routers reported, by destination; bounded, and forgotten after ten minutes. */
export class PathMtuCache {
  readonly #entries = new Map<string, { readonly mtu: number; readonly until: number }>();

  get(destination: IpAddress, now: number): number | undefined {
    if (this.#entries.size === 0) return undefined;
    const key = destination.toString();
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (now < entry.until) return entry.mtu;
    this.#entries.delete(key);
    return undefined;
  }

  learn(destination: IpAddress, mtu: number, now: number): void {
    const key = destination.toString();
    this.#entries.delete(key);
    if (this.#entries.size >= MAX_ENTRIES) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, { mtu, until: now + LIFETIME_MS });
  }
}
