import { describe, expect, it } from 'vitest';
import { echoServer } from '../testing/echo-server.ts';
import { connect, type TestNetwork, testNetwork } from '../testing/test-network.ts';

const MINUTE_MS = 60_000;

/** A guest with an idle connection to the outside. */
async function idle(net: TestNetwork) {
  await echoServer(net, '203.0.113.5', 80);
  const guest = net.plug(2);
  const client = connect(guest, '203.0.113.5', 80);
  net.scheduler.advance(50);
  expect(client.events).toEqual(['open']);
  return { guest, client };
}

describe('DepartedGuests', () => {
  it('forgets the idle connections of a guest that is gone within four minutes, here and on the host', async () => {
    const net = testNetwork();
    const { guest } = await idle(net);
    guest.link.close();
    net.scheduler.advance(MINUTE_MS);
    expect(net.network.tcpNat.size).toBe(1);
    net.scheduler.advance(3 * MINUTE_MS);
    expect(net.network.tcpNat.size).toBe(0);
    expect(net.network.tcpNat.counters).toMatchObject({ failed: 1, finished: 0 });
    expect(net.network.stack.tcp.connectionCount).toBe(0);
  });

  it('forgets those of a guest that started anew as soon as it is asked', async () => {
    const net = testNetwork();
    const { guest } = await idle(net);
    guest.link.close();
    net.plug(2);
    net.scheduler.advance(1.5 * MINUTE_MS);
    expect(net.network.tcpNat.size).toBe(0);
  });

  it('forgets those of a guest that came back and is gone again while it is asked', async () => {
    const net = testNetwork();
    const { guest } = await idle(net);
    guest.link.close();
    net.scheduler.advance(MINUTE_MS / 2);
    const again = net.replug(guest.stack);
    net.scheduler.advance(1.5 * MINUTE_MS);
    again.close();
    net.scheduler.advance(4 * MINUTE_MS);
    expect(net.network.tcpNat.size).toBe(0);
  });

  it('keeps those of a guest whose cable was out for a minute and a half', async () => {
    const net = testNetwork();
    const { guest, client } = await idle(net);
    const { stack } = guest;
    net.scheduler.advance(60 * MINUTE_MS);
    guest.link.close();
    net.scheduler.advance(1.5 * MINUTE_MS);
    net.replug(stack);
    net.scheduler.advance(10 * MINUTE_MS);
    expect(net.network.tcpNat.size).toBe(1);
    const asked = stack.tcp.counters.segmentsIn;
    net.scheduler.advance(60 * MINUTE_MS);
    expect(stack.tcp.counters.segmentsIn).toBe(asked);
    client.socket.write(Uint8Array.of(104, 105));
    net.scheduler.advance(50);
    expect(client.text()).toBe('hi');
  });

  it('asks nobody else, however long nothing is heard', async () => {
    const net = testNetwork();
    const { client } = await idle(net);
    net.plug(3).link.close();
    const { segmentsOut } = net.network.stack.tcp.counters;
    net.scheduler.advance(600 * MINUTE_MS);
    expect(net.network.stack.tcp.counters.segmentsOut).toBe(segmentsOut);
    expect(client.events).toEqual(['open']);
  });
});
