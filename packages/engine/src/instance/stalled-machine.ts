import type { Logger } from '@orlop/core';
import type { Machine } from '@orlop/vm';
import { HostRoom, hostFreeBytes, hostFull, ROOM_BYTES, ROOM_HINT } from './host-room.ts';
import type { LifeState } from './life-state.ts';

export interface StalledMachineOptions {
  readonly state: LifeState;
  readonly dataDisk: string;
  readonly logger: Logger;
  /** The machine that runs, if one does. */
  readonly machine: () => Machine | undefined;
}

/**
 * A machine that QEMU has stopped since the host's disk is full. What it wrote is tried again when it goes on, so nothing is
 * lost; it goes on by itself when there is room.
 */
export class StalledMachine {
  readonly #state: LifeState;
  readonly #dataDisk: string;
  readonly #logger: Logger;
  readonly #room: HostRoom;
  /** Counts how often the processors have stood still or gone on. */
  #halts = 0;

  constructor({ state, dataDisk, logger, machine }: StalledMachineOptions) {
    this.#state = state;
    this.#dataDisk = dataDisk;
    this.#logger = logger;
    this.#room = new HostRoom({
      freeBytes: () => hostFreeBytes(dataDisk),
      onLook: (freeBytes) => {
        if (state.current.kind === 'stalled') state.amend({ ...state.current, freeBytes });
      },
      onRoom: async () => {
        if (state.current.kind === 'stalled') await machine()?.resume();
      },
      onError: (error) =>
        logger.warn('the machine that stands still cannot go on', { reason: String(error) }),
    });
  }

  /** QEMU has stopped the processors. */
  async onDiskFull(): Promise<void> {
    const path = this.#dataDisk;
    const halt = ++this.#halts;
    const freeBytes = await hostFreeBytes(path).catch(() => 0);
    const before = this.#state.current;
    if (halt !== this.#halts) return; // it runs again
    if (before.kind !== 'running' && before.kind !== 'asleep' && before.kind !== 'starting') return;
    this.#logger.error("the machine stands still: the host's disk is full", {
      ...{ engine: this.#state.name, path, freeBytes },
    });
    this.#state.change({ kind: 'stalled', since: this.#state.now(), path, freeBytes, stages: before.stages });
    this.#room.wait();
  }

  /** The processors go on, whoever let them. @returns whether they had stood still */
  onResume(): boolean {
    this.#halts++;
    const before = this.#state.current;
    if (before.kind !== 'stalled') return false;
    this.#room.stop();
    this.#logger.info("the machine goes on: the host's disk has room again", { engine: this.#state.name });
    this.#state.change({ kind: 'running', since: this.#state.now(), stages: before.stages });
    return true;
  }

  /** Whether this machine stands still, and would again at once. */
  async holds(machine: Machine): Promise<boolean> {
    return (await machine.standsStill()) && (await hostFreeBytes(this.#dataDisk)) < ROOM_BYTES;
  }

  /** @throws OrlopError `engine.host-full` */
  async assertRoom(): Promise<void> {
    const free = await hostFreeBytes(this.#dataDisk);
    if (free >= ROOM_BYTES) return;
    throw hostFull(
      `the engine "${this.#state.name}" stands still: the host's disk is full, ${free} bytes free for ${this.#dataDisk}`,
      `${ROOM_HINT}; the engine goes on by itself then`,
    );
  }

  /** There is no machine any more. */
  stop(): void {
    this.#room.stop();
  }
}
