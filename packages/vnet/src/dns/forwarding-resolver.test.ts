import { IpAddress } from '@orlop/netstack';
import { describe, expect, it } from 'vitest';
import { vnetError } from '../errors.ts';
import { MemorySockets } from '../testing/memory-sockets.ts';
import { VirtualScheduler } from '../testing/virtual-scheduler.ts';
import { ForwardingResolver } from './forwarding-resolver.ts';

describe('ForwardingResolver', () => {
  it('has no answer, and nothing left to do, where the host has no more sockets', async () => {
    const scheduler = new VirtualScheduler();
    const sockets = new MemorySockets(scheduler);
    sockets.openDatagram = () => {
      throw vnetError('vnet.bind-failed', 'no UDP socket: exhausted');
    };
    const server = { address: IpAddress.v4(0x0a000035), port: 53 };
    const resolver = new ForwardingResolver({ sockets, scheduler, servers: () => [server] });
    const query = { message: new Uint8Array(12), transport: 'udp', guest: IpAddress.v4(0xc0a87f02) } as const;
    expect(await resolver.resolve(query, { signal: new AbortController().signal })).toBeUndefined();
    expect(scheduler.pending).toBe(0);
    scheduler.advance(10_000);
  });
});
