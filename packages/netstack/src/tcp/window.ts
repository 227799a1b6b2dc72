import { distance } from './sequence.ts';

/** The window field has 16 bits. */
const MAX_FIELD = 0xffff;

/**
 * What we offer (RFC 9293 §3.8.6.2.2).
 *
 * Invariant: neither edge moves left, and `edge` <= `limit` < `edge` + 2^scale.
 */
export class ReceiveWindow {
  /** Shift of the field in our segments; 0 until both sides agreed (RFC 7323 §2). */
  scale = 0;
  /** The sequence number after the last byte that there is room for. */
  #edge = 0;
  /** The same as the peer was told, which the field's scale may have rounded up: it is taken up to here. */
  limit = 0;

  /** The window that a SYN gives, or none yet. */
  start(edge: number): void {
    this.#edge = edge;
    this.limit = edge;
  }

  /**
   * The field for a segment that acknowledges `next`, when `freeBytes` more could be stored. Moves the edge only
   * by steps worth it (silly window avoidance: half the buffer or a segment).
   */
  offer(next: number, freeBytes: number, stepBytes: number): number {
    const offered = Math.max(0, distance(next, this.#edge));
    const largest = MAX_FIELD * (1 << this.scale);
    const free = Math.min(freeBytes, largest);
    if (free - offered >= stepBytes) {
      const field = free >>> this.scale;
      if (field << this.scale >= distance(next, this.limit)) {
        this.#edge = (next + (field << this.scale)) | 0;
        this.#tell(this.#edge);
        return field;
      }
    }
    // The same edge, rounded up so that it does not seem to move left. Only what is told: were the edge itself
    // rounded with each segment, small ones would push it on for ever.
    const field = Math.min(MAX_FIELD, (offered + (1 << this.scale) - 1) >>> this.scale);
    this.#tell((next + (field << this.scale)) | 0);
    return field;
  }

  /** Whether an update would be worth a segment of its own. */
  wantsUpdate(next: number, freeBytes: number, stepBytes: number): boolean {
    const offered = Math.max(0, distance(next, this.#edge));
    const free = Math.min(freeBytes, MAX_FIELD * (1 << this.scale));
    // Half of what could be offered has become free, or the peer has nothing left: then a segment is enough.
    return free - offered >= Math.max(stepBytes, offered === 0 ? 0 : free >>> 1);
  }

  #tell(edge: number): void {
    if (distance(this.limit, edge) > 0) this.limit = edge;
  }
}

/** The smallest shift with which `bytes` can be offered (RFC 7323 §2.3: 14 at most). */
export function scaleFor(bytes: number): number {
  let scale = 0;
  while (scale < 14 && MAX_FIELD * (1 << scale) < bytes) scale++;
  return scale;
}

/** What the peer offers (RFC 9293 §3.10.7.4, SND.WND with WL1 and WL2). */
export class SendWindow {
  /** Shift of the peer's field. */
  scale = 0;
  bytes = 0;
  /** The largest seen. */
  largest = 0;
  #sequence = 0;
  #acknowledgment = 0;

  /** Takes the field of a SYN, which is never scaled. */
  start(field: number, sequence: number, acknowledgment: number): void {
    this.bytes = field;
    this.largest = field;
    this.#sequence = sequence;
    this.#acknowledgment = acknowledgment;
  }

  /** Takes a segment's field unless the segment is older than the last one taken. True when it changed. */
  update(field: number, sequence: number, acknowledgment: number): boolean {
    const newer = distance(this.#sequence, sequence);
    if (newer < 0 || (newer === 0 && distance(this.#acknowledgment, acknowledgment) < 0)) return false;
    this.#sequence = sequence;
    this.#acknowledgment = acknowledgment;
    const bytes = field * (1 << this.scale);
    const changed = bytes !== this.bytes;
    this.bytes = bytes;
    if (bytes > this.largest) this.largest = bytes;
    return changed;
  }
}
