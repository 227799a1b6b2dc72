import { FakeClock } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { MemoryReclaimer } from './memory-reclaimer.ts';

const MIB = 2 ** 20;
const LOOK_MS = 10_000;

/** A machine whose programs use 200 MiB, and that gives up what it is asked for. */
class Guest {
  readonly clock = new FakeClock();
  /** Milliseconds of processor time that it takes in each look's time. */
  load = 100;
  rememberedBytes = 600 * MIB;
  refaultedBytes = 0;
  /** The part of what it gives up that it reads again soon. */
  readsAgain = 0;
  isOn = true;
  isRunning = true;
  asked: number[] = [];
  #cpuMs = 0;
  #again = 0;
  readonly #reclaimer = new MemoryReclaimer({
    clock: this.clock,
    isOn: async () => this.isOn,
    measure: async () =>
      this.isRunning ? { cpuMs: this.#cpuMs, rssBytes: 200 * MIB + this.rememberedBytes } : undefined,
    reclaim: async (bytes) => {
      this.asked.push(bytes);
      const given = Math.min(bytes, this.rememberedBytes);
      this.rememberedBytes -= given;
      this.#again = given * this.readsAgain;
      this.#cpuMs += 5000; // the step itself is work
      return { rememberedBytes: this.rememberedBytes, refaultedBytes: this.refaultedBytes };
    },
    onError: (error) => {
      throw error;
    },
  });

  /** @returns how often the machine was asked meanwhile */
  async pass(looks: number): Promise<number> {
    const before = this.asked.length;
    for (let look = 0; look < looks; look++) {
      this.clock.advance(LOOK_MS);
      this.#cpuMs += this.load;
      this.rememberedBytes += this.#again;
      this.refaultedBytes += this.#again;
      this.#again = 0;
      await this.#reclaimer.look();
    }
    return this.asked.length - before;
  }
}

describe('MemoryReclaimer', () => {
  it('takes a quarter with each look from a machine that was quiet for three, until little is left', async () => {
    const guest = new Guest();
    await guest.pass(5);
    expect(guest.asked).toEqual([0, 150 * MIB]);
    await guest.pass(20);
    expect(guest.rememberedBytes).toBeLessThan(32 * MIB);
    expect(guest.rememberedBytes).toBeGreaterThan(8 * MIB);
  });

  it('does not ask a machine that has given up what it had, until its process has grown', async () => {
    const guest = new Guest();
    await guest.pass(40);
    expect(await guest.pass(100)).toBe(0);
    guest.rememberedBytes += 300 * MIB;
    expect(await guest.pass(2)).toBe(2);
    await guest.pass(20);
    expect(guest.rememberedBytes).toBeLessThan(32 * MIB);
  });

  it('leaves a machine at work alone, and one that became busy in the middle', async () => {
    const guest = new Guest();
    guest.load = 2000;
    expect(await guest.pass(50)).toBe(0);
    guest.load = 100;
    await guest.pass(5);
    const left = guest.rememberedBytes;
    guest.load = 9000;
    expect(await guest.pass(50)).toBe(0);
    expect(guest.rememberedBytes).toBe(left);
  });

  it('takes from a machine that has worked in between, whatever its work read again', async () => {
    const guest = new Guest();
    await guest.pass(6);
    guest.load = 9000;
    await guest.pass(2);
    guest.refaultedBytes += 300 * MIB;
    guest.rememberedBytes = 600 * MIB;
    guest.load = 100;
    await guest.pass(20);
    expect(guest.rememberedBytes).toBeLessThan(32 * MIB);
  });

  it('leaves alone for ten minutes what reads again what it gave up', async () => {
    const guest = new Guest();
    guest.readsAgain = 0.9;
    await guest.pass(7);
    expect(guest.asked.filter((bytes) => bytes > 0)).toEqual([150 * MIB]);
    expect(await guest.pass(58)).toBe(0);
    expect(await guest.pass(4)).toBeGreaterThan(0);
  });

  it('asks neither a machine whose processors stand still nor one with the setting off', async () => {
    const guest = new Guest();
    guest.isRunning = false;
    expect(await guest.pass(50)).toBe(0);
    guest.isRunning = true;
    guest.isOn = false;
    expect(await guest.pass(50)).toBe(0);
    guest.isOn = true;
    expect(await guest.pass(1)).toBe(2);
  });
});
