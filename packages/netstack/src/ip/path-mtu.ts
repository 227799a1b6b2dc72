import type { IpAddress } from './address.ts';

/** RFC 1191 §6.3, RFC 8201 §4: after ten minutes a larger size may be tried again. */
const LIFETIME_MS = 600_000;
const MAX_ENTRIES = 1024;

/** What a router reported: no packet larger than `mtu` bytes, until `until` (milliseconds, as `now`). */
export interface PathMtu {
  readonly mtu: number;
  readonly until: number;
}

/** Path MTUs that routers reported, by destination; bounded, and forgotten after ten minutes. */
export class PathMtuCache {
  readonly #entries = new Map<string, PathMtu>();

  get(destination: IpAddress, now: number): PathMtu | undefined {
    if (this.#entries.size === 0) return undefined;
    const key = destination.toString();
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (now < entry.until) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  /** Returns until when it is remembered. */
  learn(destination: IpAddress, mtu: number, now: number): number {
    const key = destination.toString();
    this.#entries.delete(key);
    if (this.#entries.size >= MAX_ENTRIES) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    const until = now + LIFETIME_MS;
    this.#entries.set(key, { mtu, until });
    return until;
  }
}
