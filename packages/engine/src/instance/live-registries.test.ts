import { createLogger } from '@orlop/core';
import { describe, expect, it } from 'vitest';
import { LayeredSettings } from '../settings/layered-settings.ts';
import { LiveRegistries } from './live-registries.ts';

const withMirrors = (...mirrors: string[]) =>
  new LayeredSettings({
    host: { cpus: 1, memoryBytes: 2 ** 30 },
    locked: [],
    layers: { user: new Map([['docker.mirrors', mirrors]]) },
  });

function setup(startedWith: LayeredSettings | undefined) {
  const told: unknown[] = [];
  const machine = { answers: true };
  const logged: string[] = [];
  const registries = new LiveRegistries({
    agent: {
      setRegistries: async (settings) => {
        if (!machine.answers) throw new Error('no answer');
        told.push(settings['registry-mirrors']);
      },
    },
    gatewayAddress: '10.0.0.1',
    startedWith,
    logger: createLogger('warn', (line) => logged.push(line)),
  });
  return { told, logged, machine, registries };
}

describe('LiveRegistries', () => {
  it('tells dockerd what has changed since its start, once', async () => {
    const { told, registries } = setup(withMirrors());
    await registries.apply(withMirrors());
    expect(told).toEqual([]);
    await Promise.all([
      registries.apply(withMirrors('https://a')),
      registries.apply(withMirrors('https://a')),
    ]);
    expect(told).toEqual([['http://10.0.0.1:5000', 'https://a']]);
    await registries.apply(withMirrors());
    expect(told).toHaveLength(2);
  });

  it('tells a machine that it has joined', async () => {
    const { told, registries } = setup(undefined);
    await registries.apply(withMirrors());
    expect(told).toEqual([['http://10.0.0.1:5000']]);
  });

  it('tries again what the machine did not answer, and says so once', async () => {
    const { told, logged, machine, registries } = setup(withMirrors());
    machine.answers = false;
    for (let i = 0; i < 3; i++) await registries.apply(withMirrors('https://a'));
    expect(logged).toHaveLength(1);
    machine.answers = true;
    await registries.apply(withMirrors('https://a'));
    expect(told).toHaveLength(1);
  });
});
