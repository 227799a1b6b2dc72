import type { EngineEvent, EngineState } from '@orlop/api';
import type { Clock } from '@orlop/core';

export interface LifeStateOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly emit: (event: EngineEvent) => void;
}

/** The state of one engine, and the only place that changes it: who asks for events hears each change. */
export class LifeState {
  readonly name: string;
  readonly #clock: Clock;
  readonly #emit: (event: EngineEvent) => void;
  #current: EngineState = { kind: 'stopped', reason: 'never-started' };

  constructor({ name, clock, emit }: LifeStateOptions) {
    this.name = name;
    this.#clock = clock;
    this.#emit = emit;
  }

  get current(): EngineState {
    return this.#current;
  }

  change(state: EngineState): void {
    this.#current = state;
    this.emit({ kind: 'state', engine: this.name, at: this.now(), state });
  }

  /** The machine of an engine that runs does not answer, since then; or does again: undefined. */
  silent(sinceMs: number | undefined): void {
    const { current } = this;
    if (current.kind !== 'running') return;
    const { silentSince: _, ...answers } = current;
    this.change(
      sinceMs === undefined ? answers : { ...answers, silentSince: new Date(sinceMs).toISOString() },
    );
  }

  /** The same state with other figures, which need no event. */
  amend(state: EngineState): void {
    this.#current = state;
  }

  emit(event: EngineEvent): void {
    this.#emit(event);
  }

  /** As an event says it. */
  now(): string {
    return new Date(this.#clock.wallMs()).toISOString();
  }
}
