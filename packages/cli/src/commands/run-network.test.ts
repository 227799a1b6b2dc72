import { describe, expect, it } from 'vitest';
import { createContext } from '../context.ts';
import { attachNetwork, type NetworkProvider } from './run-network.ts';

const port = { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 8080, guestPort: 80 } as const;
const context = createContext(process, { signal: new AbortController().signal });
const request = { context, machine: 'a', publish: [] };

describe('attachNetwork', () => {
  it.each([
    ['user', { kind: 'user', publish: [] }],
    ['tap,tap0', { kind: 'tap', device: 'tap0' }],
    ['bridge,br0', { kind: 'bridge', bridge: 'br0' }],
    ['none', undefined],
  ])('gives %s its attachment', async (networking, attachment) => {
    expect((await attachNetwork(networking, request)).attachment).toEqual(attachment);
  });

  it('lets a provider of another package join by a stream', async () => {
    const provider: NetworkProvider = {
      kind: 'lab',
      summary: 'a test',
      attach: ({ machine, detail }) =>
        Promise.resolve({
          attachment: { kind: 'stream', socketPath: `/${detail}/${machine}` },
          close: () => Promise.resolve(),
        }),
    };
    const lease = await attachNetwork('lab,x', request, [provider]);
    expect(lease.attachment).toEqual({ kind: 'stream', socketPath: '/x/a' });
  });

  it('refuses an unknown kind, a missing name, and ports where nobody can publish them', async () => {
    const publish = { ...request, publish: [port] };
    for (const [networking, asked, message] of [
      ['carrier-pigeon', request, 'unknown networking "carrier-pigeon"'],
      ['tap', request, '--networking needs a name: tap,DEVICE'],
      ['none', publish, '--publish needs a network'],
      ['user', { ...request, publish: [{ ...port, hostAddress: '::1' }] }, 'IPv4 addresses only'],
    ] as const) {
      await expect(attachNetwork(networking, asked)).rejects.toMatchObject({
        code: 'run.bad-networking',
        message: expect.stringContaining(message),
      });
    }
  });
});
