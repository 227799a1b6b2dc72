import type { KeyedHash } from '../keyed-hash.ts';
import type { PeerSyn } from './control-block.ts';
import { isAfter } from './sequence.ts';

/** MSS values that three bits can name (those of Linux's table and ours for large links). */
const MSS_TABLE = [536, 1220, 1300, 1440, 1460, 4312, 8960, 65_495] as const;
/** A cookie is good for one to two of these. */
const PERIOD_MS = 64_000;
/** The low bits of our timestamp: four for the window scale (15 = none), one for SACK. */
const TIMESTAMP_BITS = 5;

/** Addresses and ports as words, in any fixed order. */
export type TupleWords = readonly number[];

/**
 * SYN cookies (RFC 4987 §3.6): the handshake's state in the initial sequence number (24 bits of a keyed hash, MSS
 * and period) and in the timestamp (window scale and SACK), so that a flood costs no memory.
 */
export class SynCookies {
  readonly #hash: KeyedHash;

  constructor(hash: KeyedHash) {
    this.#hash = hash;
  }

  /** The initial sequence number to answer with. */
  make(tuple: TupleWords, peer: PeerSyn, now: number): number {
    const period = Math.floor(now / PERIOD_MS);
    let mssIndex = MSS_TABLE.length - 1;
    while (mssIndex > 0 && MSS_TABLE[mssIndex] > peer.mss) mssIndex--;
    return this.#cookie(tuple, peer.sequence, period, mssIndex);
  }

  /**
   * Our timestamp with the options in its low bits; `value` is what it would be. Never later than that: the peer
   * would take what we send next for old (RFC 7323 §5.3).
   */
  stamp(value: number, peer: PeerSyn): number {
    const scale = peer.windowScale < 0 ? 15 : Math.min(14, peer.windowScale);
    const bits = scale | (peer.sackPermitted ? 16 : 0);
    const stamped = (value & -(1 << TIMESTAMP_BITS)) | bits;
    return isAfter(stamped, value) ? (stamped - (1 << TIMESTAMP_BITS)) | 0 : stamped;
  }

  /**
   * Reads back what the peer said, from the acknowledgement of our SYN-ACK; undefined when it is no cookie of ours.
   */
  check(
    tuple: TupleWords,
    segment: { readonly sequence: number; readonly acknowledgment: number },
    timestamps: { readonly value: number; readonly echo: number } | undefined,
    now: number,
  ): PeerSyn | undefined {
    const cookie = (segment.acknowledgment - 1) | 0;
    const sequence = (segment.sequence - 1) | 0;
    const mssIndex = (cookie >>> 29) & 7;
    const current = Math.floor(now / PERIOD_MS);
    for (const period of [current, current - 1]) {
      if (this.#cookie(tuple, sequence, period, mssIndex) !== cookie) continue;
      const bits = timestamps === undefined ? 15 : timestamps.echo & 31;
      return {
        sequence,
        mss: MSS_TABLE[mssIndex],
        windowScale: (bits & 15) === 15 ? -1 : bits & 15,
        sackPermitted: (bits & 16) !== 0,
        hasTimestamps: timestamps !== undefined,
        timestampValue: timestamps?.value ?? 0,
      };
    }
    return undefined;
  }

  /** 3 bits MSS, 5 bits period, 24 bits hash. */
  #cookie(tuple: TupleWords, sequence: number, period: number, mssIndex: number): number {
    const hash = this.#hash.hash([...tuple, sequence, period, mssIndex]);
    return (mssIndex << 29) | ((period & 31) << 24) | (hash & 0xffffff);
  }
}
