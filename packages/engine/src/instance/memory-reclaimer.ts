import type { Clock } from '@orlop/core';
import type { GuestReclaim } from './guest-agent.ts';
import type { ProcessUsage } from './process-usage.ts';

export interface MemoryReclaimerOptions {
  readonly clock: Clock;
  /** The setting; asked again before each step. */
  readonly isOn: () => Promise<boolean>;
  /** What the machine's process takes; undefined while its processors stand still. */
  readonly measure: () => Promise<ProcessUsage | undefined>;
  /** Has the machine give up so many bytes of what it remembers of files, the coldest first; 0 only asks. */
  readonly reclaim: (bytes: number) => Promise<GuestReclaim>;
  readonly onError: (error: unknown) => void;
}

const LOOK_MS = 10_000;
/** A machine is quiet when it had a processor for less than this part of the time, for so many looks in a row. */
const QUIET_PART = 0.1;
const QUIET_LOOKS = 3;
/** One part in so many of what can be given up goes with each look, so what is used now and then is seen to be used. */
const STEP_PART = 4;
const LEAST_STEP_BYTES = 16 * 2 ** 20;
/** Less than this is not worth the machine's time. */
const ENOUGH_BYTES = 32 * 2 ** 20;
/** When more than one part in so many of what was given up has been read again, it is in use, and is left alone for a while. */
const USED_PART = 4;
const LEAVE_ALONE_MS = 600_000;

type Phase =
  | { readonly kind: 'watching'; readonly quietLooks: number }
  | { readonly kind: 'taking' }
  /** Nothing is left to take until the process has grown. */
  | { readonly kind: 'done'; readonly rssBytes: number }
  | { readonly kind: 'leaving-alone'; readonly untilMs: number };

/**
 * Has a quiet machine give up, step by step, what it remembers of files, so that its process shrinks to what its programs use. A
 * machine at work is left alone, and so is one that reads again what it gave up. While nothing changes the machine is not asked.
 */
export class MemoryReclaimer {
  readonly #options: MemoryReclaimerOptions;
  #phase: Phase = { kind: 'watching', quietLooks: 0 };
  #before: { readonly atMs: number; readonly cpuMs: number } | undefined;
  #taken: { readonly bytes: number; readonly refaultedBytes: number } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MemoryReclaimerOptions) {
    this.#options = options;
  }

  start(): void {
    let isLooking = false;
    this.#timer = setInterval(() => {
      if (isLooking) return;
      isLooking = true;
      this.look()
        .catch(this.#options.onError)
        .finally(() => {
          isLooking = false;
        });
    }, LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async look(): Promise<void> {
    const usage = await this.#options.measure();
    if (usage === undefined || !this.#isQuiet(usage)) {
      if (usage === undefined) this.#before = undefined;
      // What work reads again says nothing of what a quiet machine uses.
      this.#taken = undefined;
      this.#phase = { kind: 'watching', quietLooks: 0 };
      return;
    }
    const phase = this.#phase;
    switch (phase.kind) {
      case 'watching': {
        const quietLooks = phase.quietLooks + 1;
        this.#phase = quietLooks < QUIET_LOOKS ? { kind: 'watching', quietLooks } : { kind: 'taking' };
        return;
      }
      case 'taking':
        await this.#take();
        // What the step itself took of the processor does not count.
        this.#sample(await this.#options.measure());
        return;
      case 'done':
        if (usage.rssBytes > phase.rssBytes + ENOUGH_BYTES) this.#phase = { kind: 'taking' };
        return;
      case 'leaving-alone':
        if (this.#options.clock.monotonicMs() >= phase.untilMs) this.#phase = { kind: 'taking' };
        return;
    }
  }

  /** The first look after a pause says nothing yet. */
  #isQuiet(usage: ProcessUsage): boolean {
    const before = this.#before;
    const now = this.#sample(usage);
    return before !== undefined && usage.cpuMs - before.cpuMs < QUIET_PART * (now - before.atMs);
  }

  #sample(usage: ProcessUsage | undefined): number {
    const now = this.#options.clock.monotonicMs();
    this.#before = usage && { atMs: now, cpuMs: usage.cpuMs };
    return now;
  }

  async #take(): Promise<void> {
    const { isOn, reclaim, measure, clock } = this.#options;
    if (!(await isOn())) return;
    const seen = await reclaim(0);
    const taken = this.#taken;
    this.#taken = undefined;
    if (taken !== undefined && (seen.refaultedBytes - taken.refaultedBytes) * USED_PART > taken.bytes) {
      this.#phase = { kind: 'leaving-alone', untilMs: clock.monotonicMs() + LEAVE_ALONE_MS };
      return;
    }
    if (seen.rememberedBytes < ENOUGH_BYTES) return this.#finish(await measure());
    const bytes = Math.max(LEAST_STEP_BYTES, Math.floor(seen.rememberedBytes / STEP_PART));
    const after = await reclaim(bytes);
    const gaveBytes = seen.rememberedBytes - after.rememberedBytes;
    this.#taken = { bytes: gaveBytes, refaultedBytes: after.refaultedBytes };
    if (gaveBytes < LEAST_STEP_BYTES / 4) this.#finish(await measure());
  }

  #finish(usage: ProcessUsage | undefined): void {
    this.#phase = { kind: 'done', rssBytes: usage?.rssBytes ?? 0 };
  }
}
