import { setTimeout as sleep } from 'node:timers/promises';

/** One who waits and may be woken. Being woken while not waiting ends the next wait at once. */
export class Waker {
  #resolve: (() => void) | undefined;
  #isWoken = false;

  wake(): void {
    this.#isWoken = true;
    this.#resolve?.();
  }

  /** Until woken, or aborted, or for so long. */
  async wait(signal: AbortSignal, limitMs?: number): Promise<'woken' | 'time'> {
    const timer = new AbortController();
    const woken = new Promise<'woken'>((resolve) => {
      this.#resolve = () => resolve('woken');
    });
    if (signal.aborted || this.#isWoken) this.#resolve?.();
    const waits: Promise<'woken' | 'time'>[] = [woken];
    if (limitMs !== undefined) {
      waits.push(sleep(limitMs, 'time' as const, { signal: timer.signal }).catch(() => 'time' as const));
    }
    const how = await Promise.race(waits);
    timer.abort();
    this.#resolve = undefined;
    if (how === 'woken') this.#isWoken = false;
    return how;
  }
}
