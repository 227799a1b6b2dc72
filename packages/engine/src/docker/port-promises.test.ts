import { OrlopError } from '@orlop/core';
import { type ForwardStatus, forwardId } from '@orlop/vnet';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostSide } from './asked-ports.ts';
import type { Forwards } from './port-forwards.ts';
import { PortPromises, parsePortQuestion } from './port-promises.ts';

const chosen = (hostPort: number, hostAddress = '0.0.0.0'): HostSide => ({
  protocol: 'tcp',
  hostAddress,
  hostPort,
});

function setup(refused: Readonly<Record<string, 'vnet.bind-failed' | 'vnet.bind-unavailable'>> = {}) {
  const open = new Set<string>();
  const forwards: Forwards = {
    add: async (spec) => {
      const id = forwardId(spec);
      const code = refused[id];
      if (code !== undefined) throw new OrlopError(code, 'conflict', `cannot listen on ${id}`);
      open.add(id);
      return { id, spec } as ForwardStatus;
    },
    lead: () => undefined,
    discard: (id) => void open.delete(id),
    find: (id) => (open.has(id) ? ({ id } as ForwardStatus) : undefined),
  };
  const promises = new PortPromises({ forwards, whoHas: async () => 'nginx (process 7)', limitMs: 15_000 });
  return { open, promises };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('PortPromises', () => {
  it('keeps a port on all addresses of both families, until it is taken or its time is over', async () => {
    const { open, promises } = setup();
    expect(await promises.ask(chosen(32_768))).toBe(undefined);
    expect([...open]).toEqual(['tcp:0.0.0.0:32768', 'tcp:[::]:32768']);
    expect(promises.take(chosen(32_768))).toBe('tcp:0.0.0.0:32768');
    expect(promises.take(chosen(32_768))).toBe(undefined);
    vi.advanceTimersByTime(15_000);
    expect([...open]).toEqual(['tcp:0.0.0.0:32768']);
  });

  it('says who has a port, and keeps nothing of it then', async () => {
    const { open, promises } = setup({ 'tcp:[::]:32768': 'vnet.bind-failed' });
    expect(await promises.ask(chosen(32_768))).toBe(
      'Bind for [::]:32768 failed: port is already allocated (tcp, address already in use by nginx (process 7))',
    );
    expect([...open]).toEqual([]);
  });

  it('does without IPv6 where the host has none, and keeps a port once however often it is asked for', async () => {
    const { open, promises } = setup({ 'tcp:[::]:32768': 'vnet.bind-unavailable' });
    expect(await promises.ask(chosen(32_768))).toBe(undefined);
    expect(await promises.ask(chosen(32_768))).toBe(undefined);
    expect([...open]).toEqual(['tcp:0.0.0.0:32768']);
  });

  it('lets go of the oldest when a machine asks for more than containers can have, and of all at its end', async () => {
    const { open, promises } = setup();
    for (let port = 1; port <= 300; port++) await promises.ask(chosen(port, '127.0.0.1'));
    expect(open.size).toBe(256);
    expect(open.has('tcp:127.0.0.1:44')).toBe(false);
    promises.close();
    expect(open.size).toBe(0);
  });
});

describe('parsePortQuestion', () => {
  it('reads protocol, address and port, and nothing else', () => {
    expect(parsePortQuestion('udp 127.0.0.1 32768')).toEqual({
      ...chosen(32_768, '127.0.0.1'),
      protocol: 'udp',
    });
    expect(parsePortQuestion('tcp ::1 80')).toEqual(chosen(80, '::1'));
    for (const line of [
      '',
      'tcp 0/0 80',
      'sctp 0.0.0.0 80',
      'tcp 0.0.0.0 0',
      'tcp 0.0.0.0 65536',
      'tcp 0.0.0.0 80 x',
      'tcp 0.0.0.0 8e1',
    ])
      expect(parsePortQuestion(line), line).toBe(undefined);
  });
});
