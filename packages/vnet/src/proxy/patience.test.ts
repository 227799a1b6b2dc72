import { type ByteStream, type StreamNetwork, stackStreams } from '@orlop/netstack';
import { describe, expect, it } from 'vitest';
import { type TestGuest, type TestNetwork, testNetwork } from '../testing/test-network.ts';
import { ClientLimit } from './client-limit.ts';
import { serveExplicitProxy } from './explicit-proxy.ts';
import { OutboundRoute } from './outbound-route.ts';
import { newProxyCounters } from './proxy-counters.ts';
import { readProxyConfig } from './proxy-settings.ts';

const PROXY = 9; // the guest that plays the proxy outside
const CONNECT = 'CONNECT far.test:443 HTTP/1.1\r\n\r\n';

/** The explicit proxy of a network in virtual time, whose proxy outside is another guest. */
async function start(
  proxy: string,
  { max = 100, dial }: { max?: number; dial?: StreamNetwork['connect'] } = {},
) {
  const net = testNetwork();
  const streams = stackStreams(net.network.stack.tcp);
  const host: StreamNetwork = {
    listen: streams.listen,
    connect:
      dial ?? (({ port }, options) => streams.connect({ address: `192.168.127.${PROXY}`, port }, options)),
  };
  const { addresses, policy } = net.network;
  const resolver = { resolve: async () => undefined };
  const settings = readProxyConfig({ http: proxy, https: proxy });
  const { scheduler } = net;
  const route = new OutboundRoute({
    settings,
    resolver,
    addresses,
    policy,
    host,
    guests: streams,
    scheduler,
  });
  const counters = newProxyCounters();
  const clients = new ClientLimit(max, () => counters.overLimit++);
  await streams.listen({ port: 3128, address: '192.168.127.1' }, (stream) =>
    clients.serve(stream, net.network.gateway.origin, () =>
      serveExplicitProxy(stream, { route, host, scheduler, counters }),
    ),
  );
  return { net, counters, guest: net.plug(2), outside: net.plug(PROXY) };
}

/** Lets so much time pass, and what waits for it happen. */
async function pass(net: TestNetwork, timeMs: number): Promise<void> {
  for (let done = 0; done < timeMs; done += 500) {
    net.scheduler.advance(500);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

/** A connection of the guest that says this, and all that it hears until its end. */
async function say(net: TestNetwork, guest: TestGuest, text: string) {
  const heard = { text: '', end: '' };
  const connecting = stackStreams(guest.stack.tcp).connect({ address: '192.168.127.1', port: 3128 });
  await pass(net, 500);
  const stream = await connecting;
  const listen = async () => {
    await stream.write(Buffer.from(text));
    for await (const bytes of stream) heard.text += Buffer.from(bytes).toString('latin1');
    heard.end = 'finished';
  };
  listen().catch((error: Error & { code?: string }) => {
    heard.end = error.code ?? error.message;
  });
  return heard;
}

describe('the explicit proxy', () => {
  it('answers 408 to a head that is not whole within a minute, and drops who does not end then', async () => {
    const { net, guest, counters } = await start('http://proxy.test:3128');
    const heard = await say(net, guest, 'GET http://far.test/ HTTP/1.1\r\nHost:');
    await pass(net, 59_000);
    expect(heard).toEqual({ text: '', end: '' });
    await pass(net, 1_000);
    expect(heard.text).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n[\s\S]*not whole within 60 s\n$/);
    expect(counters).toMatchObject({ requestTimeouts: 1, requests: 0 });
    expect(net.network.stack.tcp.connectionCount).toBe(1);
    await pass(net, 5_000);
    expect(net.network.stack.tcp.connectionCount).toBe(0);
  });

  it('says nothing to who said nothing for a minute, and is gone', async () => {
    const { net, guest, counters } = await start('http://proxy.test:3128');
    const heard = await say(net, guest, '');
    await pass(net, 61_000);
    expect(heard).toEqual({ text: '', end: 'netstack.reset' });
    expect(counters.requestTimeouts).toBe(1);
  });

  it.each(['http', 'socks5'])(
    'answers 504 where a proxy by %s takes the connection and says nothing',
    async (kind) => {
      const { net, guest, counters, outside } = await start(`${kind}://proxy.test:3128`);
      const taken: ByteStream[] = [];
      await stackStreams(outside.stack.tcp).listen({ port: 3128 }, async (stream) => {
        taken.push(stream);
        await stream.closed;
      });
      const heard = await say(net, guest, CONNECT);
      await pass(net, 89_000);
      expect(taken).toHaveLength(1);
      expect(heard.text).toBe('');
      await pass(net, 3_000);
      expect(heard.text).toMatch(
        /^HTTP\/1.1 504 Gateway Timeout\r\n[\s\S]*proxy.test:3128 says nothing for 90 s\n$/,
      );
      expect(counters).toMatchObject({ requests: 1, upstreamTimeouts: 1, failed: 0 });
      await expect(taken[0]?.closed).rejects.toMatchObject({ code: 'netstack.reset' });
    },
  );

  it('answers 504 where the proxy takes no connection', async () => {
    const dial: StreamNetwork['connect'] = (_remote, options) =>
      new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const { net, guest, counters } = await start('http://proxy.test:3128', { dial });
    const heard = await say(net, guest, 'GET http://far.test/ HTTP/1.1\r\n\r\n');
    await pass(net, 29_000);
    expect(heard.text).toBe('');
    await pass(net, 2_500);
    expect(heard.text).toMatch(/^HTTP\/1.1 504 Gateway Timeout\r\n/);
    expect(counters).toMatchObject({ requests: 1, upstreamTimeouts: 1 });
  });

  it.each(['CONNECT far.test:99999', 'CONNECT /path', 'GET /path'])(
    'answers 400 to %s, and counts it as what the guest did wrong',
    async (line) => {
      const { net, guest, counters } = await start('http://proxy.test:3128');
      const heard = await say(net, guest, `${line} HTTP/1.1\r\n\r\n`);
      await pass(net, 2_000);
      expect(heard.text).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
      expect(counters).toMatchObject({ requests: 1, invalid: 1, failed: 0 });
    },
  );

  it('resets connections of one guest beyond half of what it serves', async () => {
    const { net, guest, counters } = await start('http://proxy.test:3128', { max: 4 });
    const heard = [];
    for (let i = 0; i < 3; i++) heard.push(await say(net, guest, 'GET '));
    await pass(net, 500);
    expect(heard.map(({ end }) => end)).toEqual(['', '', 'netstack.reset']);
    expect(counters.overLimit).toBe(1);
  });
});
