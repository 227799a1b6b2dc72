import type { Link } from '../link/link.ts';
import { createDropCounters, type DropCounters } from './drop-counters.ts';
import type { TokenBucket } from './token-bucket.ts';

/** A socket of the switch with its cable. */
export class Port {
  readonly id: number;
  readonly name: string;
  readonly link: Link;
  /** Frames from this port that were dropped, and frames to it that its queue did not take. */
  readonly drops: DropCounters = createDropCounters();
  readonly floodAllowance: TokenBucket;
  /** Has frames that wait for `flush`. */
  dirty = false;
  /** Since when the link takes nothing; undefined while it does. */
  blockedSinceMs: number | undefined = undefined;

  constructor(id: number, name: string, link: Link, floodAllowance: TokenBucket) {
    this.id = id;
    this.name = name;
    this.link = link;
    this.floodAllowance = floodAllowance;
  }
}
