import { createSocket } from 'node:dgram';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { findPortHolder } from './port-holder.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

describe.skipIf(process.platform !== 'linux')('findPortHolder (skipped but on Linux)', () => {
  it('names the program that has a port, at the address or at all of them, and at no other', async () => {
    const server = createServer();
    closers.push(() => server.close());
    await new Promise<void>((settled) => server.listen(0, '127.0.0.1', settled));
    const { port } = server.address() as AddressInfo;
    const holder = (hostAddress: string) => findPortHolder({ protocol: 'tcp', hostAddress, hostPort: port });
    expect(await holder('127.0.0.1')).toMatchObject({ pid: process.pid });
    expect(await holder('0.0.0.0')).toMatchObject({ pid: process.pid });
    expect(await holder('127.0.0.2')).toBeUndefined();
    expect(await holder('::')).toBeUndefined();
  });

  it('names who has a UDP port', async () => {
    const socket = createSocket('udp4');
    closers.push(() => socket.close());
    await new Promise<void>((settled) => socket.bind(0, '0.0.0.0', settled));
    const side = { protocol: 'udp', hostAddress: '127.0.0.1', hostPort: socket.address().port } as const;
    expect(await findPortHolder(side)).toMatchObject({ pid: process.pid });
  });
});
