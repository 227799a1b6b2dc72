import type { Random } from '@orlop/core';
import type { FrameSink } from '../face.ts';
import { CallbackSink } from '../frame-sinks.ts';

/** How a link treats frames; all rates are probabilities from 0 to 1. */
export interface LinkConditions {
  /** @default 0 */
  readonly loss?: number;
  /** @default 0 */
  readonly duplicate?: number;
  /** Probability that a frame is held back by up to `reorderMs`. @default 0 */
  readonly reorder?: number;
  /** @default 5 */
  readonly reorderMs?: number;
  /** One way. @default 1 */
  readonly delayMs?: number;
  /** Bits flipped: one in a frame, with this probability. @default 0 */
  readonly corrupt?: number;
  /** Largest IP packet; larger frames are lost. @default 65535 */
  readonly mtu?: number;
  /** Frames on the way in one direction beyond which the rest is lost. @default 10000 */
  readonly queueFrames?: number;
  /** Bytes per millisecond, 0 = no limit. @default 0 */
  readonly bytesPerMs?: number;
}

interface FrameInFlight {
  readonly frame: Uint8Array;
  readonly at: number;
  readonly order: number;
}

export interface LinkCounters {
  carried: number;
  lost: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
}

/**
 * One direction of a link in memory: what goes in comes out later, some of it never, twice, late or damaged, as
 * the seeded chance decides.
 *
 * Invariant: frames come out in order of their time, and of their entry where times are equal.
 */
export class MemoryLink {
  readonly counters: LinkCounters = { carried: 0, lost: 0, duplicated: 0, reordered: 0, corrupted: 0 };
  /** Where the sending machine writes. */
  readonly sink: FrameSink;
  /** A link that is down loses everything. */
  up = true;
  /** Set before the sender is polled. */
  now = 0;
  readonly #conditions: Required<LinkConditions>;
  readonly #random: Random;
  #flying: FrameInFlight[] = [];
  #order = 0;
  #busyUntil = 0;

  constructor(conditions: LinkConditions, random: Random) {
    this.#conditions = {
      loss: 0,
      duplicate: 0,
      reorder: 0,
      reorderMs: 5,
      delayMs: 1,
      corrupt: 0,
      mtu: 65_535,
      queueFrames: 10_000,
      bytesPerMs: 0,
      ...conditions,
    };
    this.#random = random;
    this.sink = new CallbackSink((frame) => this.#send(frame.slice()));
  }

  /** When the next frame comes out. */
  nextAt(): number {
    return this.#flying[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Frames that are out by `now`. */
  *arrivals(now: number): IterableIterator<Uint8Array> {
    while (this.#flying.length > 0 && this.#flying[0].at <= now) {
      const first = this.#flying.shift();
      if (first === undefined) return;
      this.counters.carried++;
      yield first.frame;
    }
  }

  #send(frame: Uint8Array): void {
    const { loss, duplicate, mtu, queueFrames } = this.#conditions;
    const tooLarge = frame.length > mtu + 14 || this.#flying.length >= queueFrames;
    if (!this.up || tooLarge || this.#happens(loss)) {
      this.counters.lost++;
      return;
    }
    this.#launch(frame);
    if (!this.#happens(duplicate)) return;
    this.counters.duplicated++;
    this.#launch(frame.slice());
  }

  #launch(frame: Uint8Array): void {
    const { delayMs, reorder, reorderMs, corrupt, bytesPerMs } = this.#conditions;
    if (bytesPerMs > 0) this.#busyUntil = Math.max(this.now, this.#busyUntil) + frame.length / bytesPerMs;
    let at = Math.max(this.now, this.#busyUntil) + delayMs;
    if (this.#happens(reorder)) {
      this.counters.reordered++;
      at += reorderMs * this.#fraction();
    }
    if (this.#happens(corrupt)) {
      this.counters.corrupted++;
      const bit = this.#random.u32() % (frame.length * 8);
      frame[bit >>> 3] ^= 1 << (bit & 7);
    }
    const flight = { frame, at, order: this.#order++ };
    let index = this.#flying.length;
    while (index > 0 && this.#flying[index - 1].at > at) index--;
    this.#flying.splice(index, 0, flight);
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#fraction() < probability;
  }

  #fraction(): number {
    return this.#random.u32() / 2 ** 32;
  }
}
