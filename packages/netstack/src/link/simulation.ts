import type { PacketMachine } from '../face.ts';
import type { MemoryLink } from './memory-link.ts';

/** A machine with the link that it sends into and the one that it hears. */
export interface SimulatedHost {
  readonly machine: PacketMachine;
  readonly out: MemoryLink;
  readonly in: MemoryLink;
}

/** Runs machines on links in memory in virtual time: from event to event, without waiting. */
export class Simulation {
  now: number;
  readonly #hosts: readonly SimulatedHost[];
  #calls: { readonly at: number; readonly run: () => void }[] = [];

  constructor(hosts: readonly SimulatedHost[], startMs = 0) {
    this.#hosts = hosts;
    this.now = startMs;
  }

  /** Calls `run` in virtual time. */
  at(timeMs: number, run: () => void): void {
    this.#calls.push({ at: timeMs, run });
    this.#calls.sort((a, b) => a.at - b.at);
  }

  /**
   * Runs until `done` (looked at after each event), until nothing is left to happen, or until `untilMs`.
   * Returns whether `done` was reached.
   */
  run(done: () => boolean, untilMs: number): boolean {
    for (;;) {
      this.#settle();
      if (done()) return true;
      const next = this.#nextAt();
      if (next > untilMs || next === Number.POSITIVE_INFINITY) {
        if (untilMs !== Number.POSITIVE_INFINITY) this.now = Math.max(this.now, untilMs);
        return false;
      }
      this.now = Math.max(this.now, next);
      while (this.#calls.length > 0 && this.#calls[0].at <= this.now) this.#calls.shift()?.run();
    }
  }

  #settle(): void {
    for (const host of this.#hosts) {
      for (const frame of host.in.arrivals(this.now)) host.machine.receive(frame, this.now);
      host.out.now = this.now;
      host.machine.poll(this.now, host.out.sink);
    }
  }

  #nextAt(): number {
    let at = this.#calls[0]?.at ?? Number.POSITIVE_INFINITY;
    for (const host of this.#hosts) at = Math.min(at, host.in.nextAt(), host.machine.pollAt());
    return at;
  }
}
