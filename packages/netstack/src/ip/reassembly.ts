/** One fragment as it arrives. */
export interface Fragment {
  /** Source, destination, identification and protocol, as text. */
  readonly key: string;
  /** Offset of `bytes` in the whole payload. */
  readonly offset: number;
  readonly more: boolean;
  /** A view; it is copied. */
  readonly bytes: Uint8Array;
}

export interface ReassemblyLimits {
  /** @default 64 datagrams under way */
  readonly maxDatagrams?: number;
  /** @default 1 MiB held altogether */
  readonly maxBytes?: number;
  /** @default 30000 (RFC 1122 §3.3.2 says 60 to 120 s, Linux takes 30) */
  readonly timeoutMs?: number;
}

interface Assembly {
  readonly key: string;
  readonly deadline: number;
  readonly pieces: { readonly offset: number; readonly bytes: Uint8Array }[];
  received: number;
  /** Length of the whole; -1 until the last fragment came. */
  total: number;
  heldBytes: number;
}

/** The largest payload that IP can carry. */
const MAX_PAYLOAD = 65535;
/** More pieces than a 64 KiB datagram has at the smallest MTU are an attack. */
const MAX_PIECES = 1400;

/**
 * Puts fragments together. Fragments that overlap destroy the whole datagram (RFC 5722; IPv4 is treated alike),
 * exact repetitions are ignored.
 *
 * Invariant: at most `maxDatagrams` assemblies and `maxBytes` held; the oldest gives way.
 */
export class Reassembly {
  readonly counters = { completed: 0, timeouts: 0, overlaps: 0, evicted: 0, malformed: 0 };
  readonly #limits: Required<ReassemblyLimits>;
  readonly #assemblies = new Map<string, Assembly>();
  #heldBytes = 0;

  constructor(limits: ReassemblyLimits = {}) {
    this.#limits = { maxDatagrams: 64, maxBytes: 1 << 20, timeoutMs: 30_000, ...limits };
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Takes a fragment; returns the whole payload when it was the last missing one. */
  add(fragment: Fragment, now: number): Uint8Array | undefined {
    const { key, offset, more, bytes } = fragment;
    const end = offset + bytes.length;
    if (end > MAX_PAYLOAD || bytes.length === 0 || (more && (bytes.length & 7) !== 0)) {
      this.counters.malformed++;
      return undefined;
    }
    const assembly = this.#assemblies.get(key) ?? this.#begin(key, now);
    if (assembly.pieces.some((piece) => piece.offset === offset && piece.bytes.length === bytes.length))
      return undefined;
    const overlaps = assembly.pieces.some((p) => offset < p.offset + p.bytes.length && p.offset < end);
    const beyondEnd = assembly.total >= 0 && (end > assembly.total || !more);
    if (overlaps || beyondEnd || assembly.pieces.length >= MAX_PIECES) {
      this.counters.overlaps++;
      this.#drop(assembly);
      return undefined;
    }
    assembly.pieces.push({ offset, bytes: bytes.slice() });
    assembly.received += bytes.length;
    assembly.heldBytes += bytes.length;
    this.#heldBytes += bytes.length;
    if (!more) assembly.total = end;
    if (assembly.received === assembly.total) return this.#complete(assembly);
    this.#enforceLimits(assembly);
    return undefined;
  }

  poll(now: number): void {
    for (const assembly of this.#assemblies.values()) {
      if (now < assembly.deadline) return; // in order of their beginning
      this.counters.timeouts++;
      this.#drop(assembly);
    }
  }

  pollAt(): number {
    const oldest = this.#assemblies.values().next();
    return oldest.done === true ? Number.POSITIVE_INFINITY : oldest.value.deadline;
  }

  #begin(key: string, now: number): Assembly {
    const assembly = {
      key,
      deadline: now + this.#limits.timeoutMs,
      pieces: [],
      received: 0,
      total: -1,
      heldBytes: 0,
    };
    this.#assemblies.set(key, assembly);
    return assembly;
  }

  #complete(assembly: Assembly): Uint8Array | undefined {
    this.#drop(assembly);
    const whole = new Uint8Array(assembly.total);
    for (const piece of assembly.pieces) {
      if (piece.offset + piece.bytes.length > whole.length) return undefined;
      whole.set(piece.bytes, piece.offset);
    }
    this.counters.completed++;
    return whole;
  }

  #enforceLimits(newest: Assembly): void {
    const { maxDatagrams, maxBytes } = this.#limits;
    for (const assembly of this.#assemblies.values()) {
      if (this.#assemblies.size <= maxDatagrams && this.#heldBytes <= maxBytes) return;
      if (assembly === newest && this.#assemblies.size > 1) continue;
      this.counters.evicted++;
      this.#drop(assembly);
    }
  }

  #drop(assembly: Assembly): void {
    if (!this.#assemblies.delete(assembly.key)) return;
    this.#heldBytes -= assembly.heldBytes;
  }
}
