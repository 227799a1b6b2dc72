import type { Clock } from '@orlop/core';
import { OrlopError } from '@orlop/core';

export interface PulseOptions {
  readonly clock: Clock;
  /** Whether its processors are to run. */
  readonly isRunning: () => boolean;
  /** A connection to a port of the machine on which nobody listens: its kernel refuses it, whatever its programs do. */
  readonly knock: (signal: AbortSignal) => Promise<void>;
  /** Nothing has answered since then. */
  readonly onSilent: (sinceMs: number) => void;
  /** It answers again, after so long; when that was not long enough to be told, too: its clock may have stood still. */
  readonly onBack: (silentMs: number, wasTold: boolean) => void;
}

const LOOK_MS = 5000;
const ANSWER_MS = 3000;
/** An emulated machine on a busy host may take seconds. */
const SILENT_MS = 10_000;

/** Notices that a machine which is to run does not answer: QEMU is stopped, or hangs, or its kernel does. */
export class Pulse {
  readonly #options: PulseOptions;
  #answeredAtMs: number;
  #isSilent = false;
  #hasMissed = false;
  #isLooking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#answeredAtMs = options.clock.monotonicMs();
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const answers = this.#options.isRunning() && (await this.#answers());
    this.#isLooking = false;
    const { clock, isRunning, onSilent, onBack } = this.#options;
    const now = clock.monotonicMs();
    const silentMs = now - this.#answeredAtMs;
    if (!isRunning()) {
      // Who lets it run again says so.
      this.#isSilent = false;
      this.#hasMissed = false;
      this.#answeredAtMs = now;
    } else if (answers) {
      this.#answeredAtMs = now;
      if (this.#hasMissed) onBack(silentMs, this.#isSilent);
      this.#hasMissed = false;
      this.#isSilent = false;
    } else {
      this.#hasMissed = true;
      if (this.#isSilent || silentMs < SILENT_MS) return;
      this.#isSilent = true;
      onSilent(this.#answeredAtMs);
    }
  }

  async #answers(): Promise<boolean> {
    try {
      await this.#options.knock(AbortSignal.timeout(ANSWER_MS));
      return true;
    } catch (error) {
      return error instanceof OrlopError && error.code === 'netstack.refused';
    }
  }
}
