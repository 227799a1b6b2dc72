import { setTimeout as delay } from 'node:timers/promises';
import { OrlopError } from '@orlop/core';

/** How to go on after a failure that may pass. */
export interface RetryPolicy {
  /** Attempts after the first. @default 4 */
  readonly retries?: number;
  /** @default 500 */
  readonly firstDelayMs?: number;
  /** Also the most that a server's `Retry-After` is followed. @default 30_000 */
  readonly longestDelayMs?: number;
  /** Waits. Tests give one that does not. */
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** An answer that asks to come back later: RFC 9110 and RFC 6585. */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/** Whether to try again after an answer of this status. */
export function isPassingStatus(status: number): boolean {
  return PASSING.has(status);
}

/** Whether to try again after an error: the peer was not there. */
export function isPassingError(error: unknown): error is OrlopError {
  return error instanceof OrlopError && error.code === 'oci.registry-unreachable';
}

/** Counts the attempts of one request, and waits longer before each. */
export class Retry {
  readonly #policy: Required<RetryPolicy>;
  #made = 0;

  constructor(policy: RetryPolicy = {}) {
    this.#policy = {
      retries: 4,
      firstDelayMs: 500,
      longestDelayMs: 30_000,
      wait: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
      ...policy,
    };
  }

  /** Waits and returns true, or returns false when there were enough attempts. */
  async again({ retryAfter, signal }: { retryAfter?: string | undefined; signal?: AbortSignal | undefined }) {
    if (this.#made >= this.#policy.retries) return false;
    const { firstDelayMs, longestDelayMs, wait } = this.#policy;
    const asked = Number(retryAfter) * 1000;
    // Up to half as much again, so that many clients do not come back together.
    const own = firstDelayMs * 2 ** this.#made * (1 + Math.random() / 2);
    this.#made++;
    await wait(Math.min(asked > 0 ? asked : own, longestDelayMs), signal);
    return true;
  }

  /** Progress was made: the next failure is a first one. */
  reset(): void {
    this.#made = 0;
  }
}
