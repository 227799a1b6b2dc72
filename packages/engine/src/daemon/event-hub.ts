import type { EngineEvent } from '@orlop/api';

/** Who listens falls behind by at most this many events; older ones are dropped for that one. */
const MAX_BEHIND = 1024;

/** Gives each event to all who listen. */
export class EventHub {
  readonly #listeners = new Set<(event: EngineEvent) => void>();

  readonly emit = (event: EngineEvent): void => {
    for (const listener of this.#listeners) listener(event);
  };

  get listening(): number {
    return this.#listeners.size;
  }

  /** Every event from this call on, until aborted. */
  follow(signal: AbortSignal): AsyncGenerator<EngineEvent> {
    const waiting: EngineEvent[] = [];
    let wake = () => {};
    const listener = (event: EngineEvent) => {
      waiting.push(event);
      if (waiting.length > MAX_BEHIND) waiting.shift();
      wake();
    };
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => wake(), { once: true });
    const listeners = this.#listeners;
    return (async function* () {
      try {
        while (!signal.aborted) {
          const next = waiting.shift();
          if (next !== undefined) {
            yield next;
            continue;
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        listeners.delete(listener);
      }
    })();
  }
}
