import { describe, expect, it } from 'vitest';
import { twoHosts } from '../testing/two-hosts.ts';

describe.each([4, 6] as const)('neighbours over IPv%i', (version) => {
  const send = (hosts: ReturnType<typeof twoHosts>): string[] => {
    const got: string[] = [];
    hosts.b.stack.udp.bind(
      { port: 9 },
      { onDatagram: () => got.push(`${hosts.simulation.now.toFixed(0)} ms`) },
    );
    hosts.a.stack.udp.bind({ port: 5 }, { onDatagram: () => {} }).send(new Uint8Array(1), {
      address: hosts.b.address,
      port: 9,
    });
    return got;
  };
  const cacheOf = ({ a }: ReturnType<typeof twoHosts>) =>
    version === 4 ? a.stack.host.arp.neighbours : a.stack.host.ndp.neighbours;

  it('a datagram waits for the answer and then leaves', () => {
    const hosts = twoHosts({ seed: 1, version });
    const got = send(hosts);
    hosts.simulation.run(() => got.length > 0, 5000);
    expect(got).toEqual(['3 ms']);
    expect([...cacheOf(hosts).entries()].map((entry) => entry.state)).toEqual(['reachable']);
  });

  it('the question is repeated each second, and given up after three', () => {
    const hosts = twoHosts({ seed: 1, version });
    hosts.there.up = false;
    send(hosts);
    hosts.simulation.run(() => false, 10_000);
    expect(cacheOf(hosts).counters).toMatchObject({ failed: 1, framesDropped: 1, resolved: 0 });
    expect(hosts.there.counters.lost).toBe(3);
  });

  it('a connection to nobody ends as unreachable after three seconds', () => {
    const hosts = twoHosts({ seed: 1, version });
    hosts.there.up = false;
    const ends: string[] = [];
    const remote = { address: hosts.b.address, port: 9 };
    const onClose = (_socket: unknown, reason: string): void => {
      ends.push(`${reason} at ${hosts.simulation.now}`);
    };
    hosts.a.stack.tcp.connect({ remote }, { onClose });
    hosts.simulation.run(() => ends.length > 0, 60_000);
    expect(ends).toEqual(['unreachable at 3000']);
  });

  it('a link that comes back in time loses nothing', () => {
    const hosts = twoHosts({ seed: 1, version });
    hosts.there.up = false;
    hosts.simulation.at(1500, () => {
      hosts.there.up = true;
    });
    const got = send(hosts);
    hosts.simulation.run(() => got.length > 0, 5000);
    expect(got).toEqual(['2003 ms']);
  });
});
