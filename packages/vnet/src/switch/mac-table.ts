/** Where each Ethernet address was last seen. */
export interface MacEntry<Port> {
  readonly port: Port;
  /** The first port that it was behind, of those that are plugged in. */
  readonly home: Port;
  seenAtMs: number;
}

/** Entries that were not seen for this long make room for others (the usual default of bridges). */
export const MAC_AGE_MS = 300_000;
/** 00-00-5e-00-01-xx and -02-xx: of a virtual router (RFC 9568 §7.3), which moves as soon as another guest is it. */
const VIRTUAL_ROUTER_PREFIXES: ReadonlySet<number> = new Set([0x00_005e_0001, 0x00_005e_0002]);
/** An address moves to another port when it was silent at its own for this long: a failed-over card, not a forger. */
export const MAC_MOVE_MS = 10_000;

/**
 * MAC addresses as one number each: no string and no bigint per frame.
 *
 * Invariant: at most `limit` entries per port and `limit * 64` in all. An address that is heard stays at its port, and
 * its home gets it back at once: a guest that sends under another's address does not take that one's frames.
 */
export class MacTable<Port extends object> {
  /** Told an address that is heard for the first time, or again after it was silent for {@link MAC_AGE_MS}. */
  onHeard: ((mac: number, port: Port) => void) | undefined = undefined;
  readonly #entries = new Map<number, MacEntry<Port>>();
  readonly #counts = new Map<Port, number>();
  readonly #limitPerPort: number;

  constructor(limitPerPort: number) {
    this.#limitPerPort = limitPerPort;
  }

  lookup(frame: Uint8Array, offset: number): Port | undefined {
    return this.find(readMacKey(frame, offset));
  }

  find(key: number): Port | undefined {
    return this.#entries.get(key)?.port;
  }

  /** Notes that the address at `offset` is behind `port`, unless the port has too many or the address is another's. */
  learn(frame: Uint8Array, offset: number, port: Port, now: number): 'learned' | 'full' | 'taken' {
    const key = readMacKey(frame, offset);
    const known = this.#entries.get(key);
    if (known !== undefined && known.port === port) {
      known.seenAtMs = now;
      return 'learned';
    }
    if (
      known !== undefined &&
      known.home !== port &&
      now - known.seenAtMs < MAC_MOVE_MS &&
      !isVirtualRouter(key)
    )
      return 'taken';
    const count = this.#counts.get(port) ?? 0;
    if (count >= this.#limitPerPort) return 'full';
    if (known !== undefined) this.#forgetOne(key, known);
    this.#entries.set(key, { port, home: known?.home ?? port, seenAtMs: now });
    this.#counts.set(port, count + 1);
    if (known === undefined) this.onHeard?.(key, port);
    return 'learned';
  }

  /**
   * The addresses that go with a port, as `wire` has them: one number each. One that moved there from a port that is
   * still plugged in is a guest's that is still there.
   */
  ofPort(port: Port): ReadonlySet<number> {
    const keys = new Set<number>();
    for (const [key, { port: at, home }] of this.#entries) if (at === port && home === port) keys.add(key);
    return keys;
  }

  /** Forgets what is behind a port that was unplugged. */
  forgetPort(port: Port): void {
    for (const [key, entry] of this.#entries) {
      if (entry.port === port) this.#entries.delete(key);
      else if (entry.home === port) this.#entries.set(key, { ...entry, home: entry.port });
    }
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

function isVirtualRouter(key: number): boolean {
  return VIRTUAL_ROUTER_PREFIXES.has(Math.floor(key / 0x100));
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
