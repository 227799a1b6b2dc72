import { parseMac } from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import { Machines } from '../control/machines.ts';
import { ip, record, type TestGuest, type TestNetwork, testNetwork } from '../testing/test-network.ts';

const userData = Buffer.from('for web alone').toString('base64');

/** A connection to the service that sends bytes and keeps what comes back. */
function send(guest: TestGuest, text: string, port = 80) {
  const recording = record();
  const socket = guest.stack.tcp.connect(
    { remote: { address: ip('169.254.169.254'), port } },
    recording.handler,
  );
  return {
    ...recording,
    socket,
    write: () => void socket.write(new TextEncoder().encode(text)),
  };
}

/** Virtual time passes, and promises between. */
async function settle(net: TestNetwork): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    net.scheduler.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function ask(net: TestNetwork, guest: TestGuest, text: string) {
  const client = send(guest, text);
  net.scheduler.advance(50);
  client.write();
  await settle(net);
  return { text: client.text(), events: client.events };
}

const get = (path: string) => `GET ${path} HTTP/1.0\r\nHost: 169.254.169.254\r\n\r\n`;

/** Guest 2 is the machine `web`, which has metadata; guest 3 is anybody. */
async function metadataNetwork() {
  const net = testNetwork();
  const machines = new Machines(net.network);
  net.network.leases.addStatic({
    mac: parseMac('52:54:00:00:00:02') ?? 0,
    address: ip('192.168.127.2'),
    hostName: 'web',
  });
  await machines.add({ name: 'web', mac: '52:54:00:00:00:02', forwards: [], userData });
  return { net, machines, web: net.plug(2), other: net.plug(3) };
}

describe('MetadataService', () => {
  it('bounds what one machine has open without a word, and has room again when that ends', async () => {
    const { net, web } = await metadataNetwork();
    const silent = Array.from({ length: 80 }, () => send(web, ''));
    await settle(net);
    expect(net.network.stack.tcp.connectionCount).toBe(64);
    for (const { socket } of silent) socket.abort();
    await settle(net);
    expect((await ask(net, web, get('/latest/meta-data/hostname'))).text).toMatch(/\r\n\r\nweb$/);
  });

  it('counts by the cable: who asks in the name of another machine uses up nothing of that one', async () => {
    const { net, machines, web } = await metadataNetwork();
    const mac = parseMac('52:54:00:00:00:09') ?? 0;
    net.network.leases.addStatic({ mac, address: ip('192.168.127.9'), hostName: 'db' });
    await machines.add({ name: 'db', mac: '52:54:00:00:00:09', forwards: [], userData });
    const remote = { address: ip('169.254.169.254'), port: 80 };
    for (const address of [web.address, ip('192.168.127.9')])
      for (let i = 0; i < 64; i++) web.stack.tcp.connect({ remote, local: { address } }, {});
    await settle(net);
    expect(net.network.stack.tcp.connectionCount).toBe(64);
    const db = net.plug(9);
    expect((await ask(net, db, get('/latest/meta-data/hostname'))).text).toMatch(/\r\n\r\ndb$/);
  });

  it('tells a machine what is its own, and closes', async () => {
    const { net, web } = await metadataNetwork();
    const { text, events } = await ask(net, web, get('/latest/user-data?x=1'));
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n.*Content-Length: 13\r\n.*\r\n\r\nfor web alone$/s);
    expect(events).toContain('end');
    expect((await ask(net, web, get('/latest/meta-data/hostname'))).text).toMatch(/\r\n\r\nweb$/);
  });

  it('is not there for others, for other ports, nor when the machine has gone', async () => {
    const { net, machines, web, other } = await metadataNetwork();
    expect((await ask(net, other, get('/latest/user-data'))).events).toEqual(['close unreachable']);
    const wrongPort = send(web, '', 81);
    net.scheduler.advance(100);
    expect(wrongPort.events).toEqual(['close unreachable']);
    machines.remove('web');
    expect((await ask(net, web, get('/latest/user-data'))).events).toEqual(['close unreachable']);
  });

  it.each([['nonsense\r\n\r\n'], ['GET http://elsewhere/ HTTP/1.1\r\n\r\n'], ['x'.repeat(40_000)]])(
    'counts and refuses what is no request: %j',
    async (text) => {
      const { net, web } = await metadataNetwork();
      expect((await ask(net, web, text)).text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
      expect(net.network.metadata.counters).toEqual({ answered: 0, malformed: 1 });
    },
  );

  it('keeps user data with the machine, for a network that was killed', async () => {
    const { machines } = await metadataNetwork();
    expect(machines.saved()).toEqual([
      {
        name: 'web',
        mac: '52:54:00:00:00:02',
        forwards: [],
        userData,
      },
    ]);
  });
});
