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

describe('Ndp', () => {
  const advertised = { kind: 'neighbor-advertisement', router: false, override: true } as const;
  const MAC = 0x020000000002;
  const OTHER = 0x020000000009;

  function known() {
    const { a, b } = twoHosts({ seed: 1, version: 6 });
    const { ndp } = a.stack.host;
    const say = (solicited: boolean, override: boolean, mac: number | undefined, now: number) => {
      const options = mac === undefined ? [] : [{ kind: 'target-link-layer' as const, mac }];
      const target = b.address.toIpv6();
      ndp.receive({ ...advertised, target, solicited, override, options }, b.address, 255, now);
    };
    const neighbour = ndp.neighbours.get(b.address);
    ndp.neighbours.prepare(neighbour, 0);
    say(true, true, MAC, 0);
    return { ndp, neighbour, say };
  }

  it('is answered by a neighbour that names no address, as Linux does when it alone was asked', () => {
    const { ndp, neighbour, say } = known();
    ndp.neighbours.prepare(neighbour, 31_000);
    expect(neighbour.state).toBe('probing');
    say(false, false, undefined, 31_001);
    expect(neighbour.state).toBe('probing');
    say(true, false, undefined, 31_002);
    expect(neighbour).toMatchObject({ state: 'reachable', mac: MAC });
  });

  it('keeps an address that a later voice does not override (RFC 4861 §7.2.5)', () => {
    const { neighbour, say } = known();
    say(true, false, OTHER, 10);
    expect(neighbour.mac).toBe(MAC);
    say(true, true, OTHER, 20);
    expect(neighbour.mac).toBe(OTHER);
  });
});
