import type { BuildStep } from './build.ts';

/** How long each part of the work took. */
export class StepClock {
  readonly steps: BuildStep[] = [];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  async time<T>(name: string, work: () => Promise<T>): Promise<T> {
    const started = this.#nowMs();
    const result = await work();
    this.steps.push({ name, ms: this.#nowMs() - started });
    return result;
  }
}
