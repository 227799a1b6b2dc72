import { OrlopError } from '@orlop/core';
import { describe, expect, it } from 'vitest';
import { Pulse } from './pulse.ts';

function setup() {
  let now = 0;
  const machine = { isRunning: true, isSilent: false };
  const told: string[] = [];
  const pulse = new Pulse({
    clock: { monotonicMs: () => now, wallMs: () => now },
    isRunning: () => machine.isRunning,
    knock: async () => {
      throw machine.isSilent
        ? new OrlopError('netstack.timeout', 'unavailable', 'nobody answers')
        : new OrlopError('netstack.refused', 'unavailable', 'closed');
    },
    onSilent: (sinceMs) => told.push(`silent since ${sinceMs}`),
    onBack: (silentMs, wasTold) => told.push(`${wasTold ? '' : 'only late, '}back after ${silentMs}`),
  });
  /** Looks every five seconds. */
  const pass = async (seconds: number) => {
    for (let at = 0; at < seconds; at += 5) {
      now += 5000;
      await pulse.look();
    }
  };
  return { machine, told, pass };
}

describe('Pulse', () => {
  it('tells once that a machine is silent, since when, and that it is back', async () => {
    const { machine, told, pass } = setup();
    await pass(20);
    machine.isSilent = true;
    await pass(60);
    machine.isSilent = false;
    await pass(20);
    expect(told).toEqual(['silent since 20000', 'back after 65000']);
  });

  it('does not call a machine silent for one answer that is missing, and says that it is back', async () => {
    const { machine, told, pass } = setup();
    machine.isSilent = true;
    await pass(5);
    machine.isSilent = false;
    await pass(20);
    expect(told).toEqual(['only late, back after 10000']);
  });

  it('says nothing of a machine whose processors stand still', async () => {
    const { machine, told, pass } = setup();
    machine.isSilent = true;
    machine.isRunning = false;
    await pass(60);
    machine.isRunning = true;
    machine.isSilent = false;
    await pass(10);
    expect(told).toEqual([]);
  });
});
