import type { IpAddress } from '../ip/address.ts';

/** So many destinations are told apart; then all begin anew. */
const MAX_BUCKETS = 256;

interface Bucket {
  tokens: number;
  last: number;
}

/** A token bucket for each destination: `perSecond` on average, `burst` at once. Who floods uses up its own alone. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: { readonly perSecond: number; readonly burst: number }) {
    this.#perSecond = options.perSecond;
    this.#burst = options.burst;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** True when one more may go to `destination` now. */
  take(destination: IpAddress, now: number): boolean {
    const bucket = this.#bucketOf(destination.toString(), now);
    const elapsed = Math.max(0, now - bucket.last);
    bucket.last = now;
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (elapsed * this.#perSecond) / 1000);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #bucketOf(key: string, now: number): Bucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    if (this.#buckets.size >= MAX_BUCKETS) this.#buckets.clear();
    const bucket = { tokens: this.#burst, last: now };
    this.#buckets.set(key, bucket);
    return bucket;
  }
}
