/** Where each Ethernet address was last seen. */
export interface MacEntry<Port> {
  readonly port: Port;
  seenAtMs: number;
}

/** Entries that were not seen for this long make room for others (the usual default of bridges). */
export const MAC_AGE_MS = 300_000;

/**
 * MAC addresses as one number each: no string and no bigint per frame.
 *
 * Invariant: at most `limit` entries per port and `limit * 64` in all.
 */
export class MacTable<Port extends object> {
  readonly #entries = new Map<number, MacEntry<Port>>();
  readonly #counts = new Map<Port, number>();
  readonly #limitPerPort: number;

  constructor(limitPerPort: number) {
    this.#limitPerPort = limitPerPort;
  }

  lookup(frame: Uint8Array, offset: number): Port | undefined {
    return this.#entries.get(readMacKey(frame, offset))?.port;
  }

  /** Notes that the address at `offset` is behind `port`. False when the port has too many already. */
  learn(frame: Uint8Array, offset: number, port: Port, now: number): boolean {
    const key = readMacKey(frame, offset);
    const known = this.#entries.get(key);
    if (known !== undefined && known.port === port) {
      known.seenAtMs = now;
      return true;
    }
    const count = this.#counts.get(port) ?? 0;
    if (count >= this.#limitPerPort) return false;
    if (known !== undefined) this.#forgetOne(key, known);
    this.#entries.set(key, { port, seenAtMs: now });
    this.#counts.set(port, count + 1);
    return true;
  }

  /** The addresses behind a port, as `wire` has them: one number each. */
  behind(port: Port): ReadonlySet<number> {
    const keys = new Set<number>();
    for (const [key, entry] of this.#entries) if (entry.port === port) keys.add(key);
    return keys;
  }

  /** Forgets what is behind a port that was unplugged. */
  forgetPort(port: Port): void {
    for (const [key, entry] of this.#entries) if (entry.port === port) this.#entries.delete(key);
    this.#counts.delete(port);
  }

  /** Forgets what was not seen for {@link MAC_AGE_MS}. */
  age(now: number): void {
    for (const [key, entry] of this.#entries) {
      if (now - entry.seenAtMs >= MAC_AGE_MS) this.#forgetOne(key, entry);
    }
  }

  *list(): IterableIterator<{ readonly mac: string; readonly port: Port; readonly seenAtMs: number }> {
    for (const [key, entry] of this.#entries) yield { mac: formatMacKey(key), ...entry };
  }

  get size(): number {
    return this.#entries.size;
  }

  #forgetOne(key: number, entry: MacEntry<Port>): void {
    this.#entries.delete(key);
    this.#counts.set(entry.port, (this.#counts.get(entry.port) ?? 1) - 1);
  }
}

/** The 48 bits as one number, which a double holds exactly. */
export function readMacKey(frame: Uint8Array, at: number): number {
  const high = ((frame[at] ?? 0) << 16) | ((frame[at + 1] ?? 0) << 8) | (frame[at + 2] ?? 0);
  const low = ((frame[at + 3] ?? 0) << 16) | ((frame[at + 4] ?? 0) << 8) | (frame[at + 5] ?? 0);
  return high * 0x1000000 + low;
}

export function formatMacKey(key: number): string {
  const hex = key.toString(16).padStart(12, '0');
  return hex.replace(/(..)(?!$)/g, '$1:');
}
