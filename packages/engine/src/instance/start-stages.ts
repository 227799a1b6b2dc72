import type { StageName, StageRecord } from '@orlop/api';
import { OrlopError } from '@orlop/core';
import { engineError } from '../errors.ts';

export interface StageOptions {
  readonly waitsFor: string;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** A stage whose work makes something that has to be closed. */
export interface MakingStageOptions<T> extends StageOptions {
  /** Takes what the work came to after the stage was given up. @default nothing has to be done with it */
  readonly letGo?: (late: T) => unknown;
}

/** What a stage may say while it goes on. */
export interface StageVoice {
  /** Aborted when the stage is over its limit, or the start is given up. */
  readonly signal: AbortSignal;
  waitsFor(text: string): void;
  note(text: string): void;
}

/** The stages of one start: each is timed, has a limit, and says what it waits for. */
export class StartStages {
  readonly #nowMs: () => number;
  readonly #onChange: (stage: StageRecord) => void;
  readonly #records: StageRecord[] = [];
  readonly #startedMs = new Map<StageName, number>();

  constructor(nowMs: () => number, onChange: (stage: StageRecord) => void) {
    this.#nowMs = nowMs;
    this.#onChange = onChange;
  }

  list(): StageRecord[] {
    return this.#records.map((record) => (record.state === 'active' ? this.#timed(record) : record));
  }

  /** @throws OrlopError `engine.stage-timeout`, `engine.start-cancelled`, or what `work` throws */
  async run<T>(
    name: StageName,
    options: MakingStageOptions<T>,
    work: (voice: StageVoice) => Promise<T>,
  ): Promise<T> {
    const { limitMs, signal } = options;
    const own = new AbortController();
    let record: StageRecord = { name, state: 'active', waitsFor: options.waitsFor, durationMs: 0, limitMs };
    const index = this.#records.push(record) - 1;
    this.#startedMs.set(name, this.#nowMs());
    const change = (part: Partial<StageRecord>) => {
      record = this.#timed({ ...record, ...part });
      this.#records[index] = record;
      this.#onChange(record);
    };
    change({});
    const cancelled = () =>
      engineError('engine.start-cancelled', `the start was given up at the stage ${name}`);
    let timer: NodeJS.Timeout | undefined;
    let onAbort = () => {};
    const interrupted = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const seconds = Math.round(limitMs / 1000);
        const hint = '`orlop logs` shows what the machine says, `orlop diagnose` gathers everything';
        const message = `the stage ${name} took more than ${seconds} s, and still waits for ${record.waitsFor}`;
        reject(engineError('engine.stage-timeout', message, { hint }));
        own.abort();
      }, limitMs);
      onAbort = () => {
        reject(cancelled());
        own.abort();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
    // Work that was given up may have something to say yet, when the start is long over.
    const voice: StageVoice = {
      signal: own.signal,
      waitsFor: (waitsFor) => {
        if (record.state === 'active' && waitsFor !== record.waitsFor) change({ waitsFor });
      },
      note: (note) => {
        if (record.state === 'active') change({ note });
      },
    };
    const working = work(voice);
    working.catch(() => undefined); // told by the race, or too late to matter
    try {
      const result = await Promise.race([working, interrupted]);
      change({ state: 'done' });
      return result;
    } catch (error) {
      change({ state: 'failed' });
      void working.then((late) => options.letGo?.(late)).catch(() => undefined);
      if (signal.aborted && !(error instanceof OrlopError)) throw cancelled();
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  #timed(record: StageRecord): StageRecord {
    const durationMs = Math.round(this.#nowMs() - (this.#startedMs.get(record.name) ?? 0));
    return { ...record, durationMs };
  }
}
