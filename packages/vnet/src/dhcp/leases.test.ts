import { IpAddress, IpPrefix } from '@orlop/netstack';
import { describe, expect, it } from 'vitest';
import { type Lease, type LeaseStore, LeaseTable, type LeaseTableOptions } from './leases.ts';

const address = (last: number) => IpAddress.v4(0xc0a87f00 + last);
const DAY_MS = 86_400_000;

interface Fixture {
  readonly leases: LeaseTable;
  advance(ms: number): void;
  /** Somebody sets the host's clock. */
  jump(ms: number): void;
}

function table(options: Partial<LeaseTableOptions> = {}): Fixture {
  let now = 1_000_000;
  let offset = 0;
  const leases = new LeaseTable({
    subnet: new IpPrefix(address(0), 24),
    first: address(2),
    last: address(4),
    reserved: [address(1), address(254)],
    leaseMs: DAY_MS,
    now: () => now,
    wallMs: () => Date.UTC(2026, 0, 1) + now + offset,
    staticLeases: [],
    ...options,
  });
  return {
    leases,
    advance: (ms) => {
      now += ms;
    },
    jump: (ms) => {
      offset += ms;
    },
  };
}

describe('LeaseTable', () => {
  it('offers the lowest free address, and the same one again', () => {
    const { leases } = table();
    expect(leases.offer(1, undefined)?.toString()).toBe('192.168.127.2');
    leases.confirm(1, address(2), 'one');
    expect(leases.offer(2, undefined)?.toString()).toBe('192.168.127.3');
    expect(leases.offer(1, undefined)?.toString()).toBe('192.168.127.2');
  });

  it('offers no two clients the same address while there are others', () => {
    const { leases, advance } = table();
    const offers = [1, 2, 3, 4, 2].map((mac) => leases.offer(mac, undefined)?.toString());
    const [a, b, c] = ['192.168.127.2', '192.168.127.3', '192.168.127.4'];
    expect(offers).toEqual([a, b, c, a, b]);
    expect(leases.offer(5, address(4))?.toString()).toBe(a);
    advance(10_000);
    expect(leases.offer(5, address(4))?.toString()).toBe(c);
  });

  it('gives a client what it asks for when that is free and of the range', () => {
    const { leases } = table();
    expect(leases.offer(1, address(4))?.toString()).toBe('192.168.127.4');
    expect(leases.offer(1, address(200))?.toString()).toBe('192.168.127.2');
    expect(leases.offer(1, address(1))?.toString()).toBe('192.168.127.2');
  });

  it('confirms nobody on the address of another', () => {
    const { leases } = table();
    leases.confirm(1, address(2), '');
    expect(leases.confirm(2, address(2), '')).toBeUndefined();
    expect(leases.confirm(2, address(254), '')).toBeUndefined();
  });

  it('takes the address that expired first when none is untouched, and none before', () => {
    const { leases, advance } = table();
    for (const [mac, last] of [
      [1, 2],
      [2, 3],
      [3, 4],
    ] as const) {
      leases.confirm(mac, address(last), '');
      advance(1000);
    }
    expect(leases.offer(9, undefined)).toBeUndefined();
    advance(DAY_MS);
    leases.confirm(1, address(2), '');
    expect(leases.offer(9, undefined)?.toString()).toBe('192.168.127.3');
  });

  it('offers no two clients the same address that had expired, while there are others', () => {
    const { leases, advance } = table();
    for (const last of [2, 3, 4]) leases.confirm(last, address(last), '');
    advance(DAY_MS);
    const offers = [7, 8, 9, 7].map((mac) => leases.offer(mac, undefined)?.toString());
    expect(offers).toEqual(['192.168.127.2', '192.168.127.3', '192.168.127.4', '192.168.127.2']);
  });

  it('does not offer an address that a client found in use, for ten minutes', () => {
    const { leases, advance } = table();
    leases.confirm(1, address(2), '');
    leases.decline(1, address(2));
    expect(leases.offer(1, undefined)?.toString()).toBe('192.168.127.3');
    advance(600_001);
    expect(leases.offer(1, undefined)?.toString()).toBe('192.168.127.2');
  });

  it('offers what was found in use when there is nothing else: a client that declines all takes none from others', () => {
    const { leases, advance } = table();
    for (const last of [2, 3, 4]) {
      expect(leases.offer(1, undefined)?.toString()).toBe(address(last).toString());
      leases.confirm(1, address(last), '');
      leases.decline(1, address(last));
      advance(1);
    }
    expect(leases.offer(2, undefined)?.toString()).toBe('192.168.127.2');
    expect(leases.confirm(2, address(2), 'two')).toMatchObject({ mac: 2, hostName: 'two' });
    expect(leases.offer(3, undefined)?.toString()).toBe('192.168.127.3');
  });

  it('gives an address by hand whose lease has run out, and none before', () => {
    const { leases, advance } = table();
    leases.confirm(1, address(2), 'old');
    expect(() => leases.addStatic({ mac: 2, address: address(2) })).toThrow('belongs to 00:00:00:00:00:01');
    advance(DAY_MS);
    leases.addStatic({ mac: 2, address: address(2) });
    expect([...leases.list()]).toMatchObject([{ mac: 2, isStatic: true }]);
    expect(leases.offer(1, undefined)?.toString()).toBe('192.168.127.3');
  });

  it('keeps static leases out of reach of others, and refuses two of one address', () => {
    const { leases } = table({ staticLeases: [{ mac: 7, address: address(2), hostName: 'web' }] });
    expect(leases.offer(1, undefined)?.toString()).toBe('192.168.127.3');
    expect(leases.confirm(7, address(3), '')).toBeUndefined();
    expect(leases.findByName('WEB')?.address.toString()).toBe('192.168.127.2');
    expect(() => leases.addStatic({ mac: 8, address: address(2) })).toThrow(
      'the address 192.168.127.2 for 00:00:00:00:00:08 belongs to 00:00:00:00:00:07',
    );
    expect(() => leases.addStatic({ mac: 8, address: address(1) })).toThrow("is the gateway's own");
  });

  it.each([DAY_MS, -DAY_MS])('lets leases run as long as ever when the clock is set by %i ms', (jump) => {
    const fixture = table();
    const { leases } = fixture;
    const lease = leases.confirm(1, address(2), 'one');
    leases.decline(1, address(2));
    leases.confirm(1, address(3), 'one');
    fixture.jump(jump);
    const known = leases.findByMac(1);
    if (lease === undefined || known === undefined) throw new Error('no lease');
    expect(leases.hasExpired(known)).toBe(false);
    expect(leases.wallExpiryMs(known)).toBe(Date.UTC(2026, 0, 1) + 1_000_000 + DAY_MS + jump);
    expect(leases.offer(2, address(2))?.toString()).toBe('192.168.127.4');
    fixture.advance(600_000);
    expect(leases.offer(2, address(2))?.toString()).toBe('192.168.127.2');
    fixture.advance(DAY_MS - 600_000);
    expect(leases.hasExpired(known)).toBe(true);
  });

  describe('of the guests behind one port', () => {
    function ports(options: Partial<LeaseTableOptions> = {}) {
      const at = { port: 1 };
      const heard = new Set<number>();
      const shared = { origin: () => at.port, isHeard: (mac: number) => heard.has(mac) };
      const fixture = table({ ...shared, last: address(253), ...options });
      const take = (mac: number) => fixture.leases.confirm(mac, address(mac), '');
      const count = () => [...fixture.leases.list()].filter(({ isStatic }) => !isStatic).length;
      return { ...fixture, at, heard, take, count };
    }

    it('gives 64 that are heard their address, fixed ones beside, and none to more; others get theirs', () => {
      const staticLeases = [{ mac: 250, address: address(250) }];
      const { leases, at, heard, take, count } = ports({ staticLeases });
      for (let mac = 2; mac < 66; mac++) {
        heard.add(mac);
        expect(take(mac)?.port).toBe(1);
      }
      expect([leases.mayLease(66), take(66), count()]).toEqual([false, undefined, 64]);
      expect(take(65)?.mac).toBe(65);
      expect([take(250)?.mac, leases.mayLease(250)]).toEqual([250, true]);
      at.port = 2;
      expect([leases.mayLease(66), take(66)?.mac]).toEqual([true, 66]);
    });

    it('gives the address of one that is heard no more to the next: what was renewed longest ago', () => {
      const { leases, heard, take, count, advance } = ports();
      for (let mac = 2; mac < 66; mac++) {
        take(mac);
        advance(1000);
      }
      take(2);
      heard.add(3);
      expect([leases.mayLease(66), take(66)?.mac, count()]).toEqual([true, 66, 64]);
      expect([2, 3, 4, 5].map((mac) => leases.findByMac(mac)?.mac)).toEqual([2, 3, undefined, 5]);
      for (let mac = 67; mac < 250; mac++) expect(take(mac)?.mac).toBe(mac);
      expect(count()).toBe(64);
    });

    it('leaves others a quarter of a small range', () => {
      const { heard, take } = ports({ last: address(5) });
      for (let mac = 2; mac < 6; mac++) heard.add(mac);
      expect([2, 3, 4, 5].map((mac) => take(mac)?.mac)).toEqual([2, 3, 4, undefined]);
    });

    it('takes the address of one that was unplugged five minutes ago when there is no other', () => {
      const { leases, at, take, advance } = ports({ last: address(4) });
      for (const mac of [2, 3, 4]) {
        at.port = mac;
        take(mac);
      }
      at.port = 9;
      leases.portLeft(3);
      advance(299_999);
      expect(leases.offer(9, undefined)).toBeUndefined();
      advance(1);
      expect(leases.offer(9, undefined)?.toString()).toBe(address(3).toString());
    });
  });

  describe('of a name that several guests claim', () => {
    /** Whose it is. */
    const holder = (leases: LeaseTable, name = 'web') => leases.findByName(name)?.mac;

    it('is the first one’s as long as its lease runs, whoever renews last', () => {
      const { leases, advance } = table();
      leases.confirm(1, address(2), 'web');
      advance(1000);
      leases.confirm(2, address(3), 'WEB');
      expect(holder(leases)).toBe(1);
      advance(DAY_MS / 2);
      leases.confirm(1, address(2), 'web');
      leases.confirm(2, address(3), 'web');
      expect(holder(leases)).toBe(1);
      leases.release(1);
      expect(holder(leases)).toBe(2);
      leases.confirm(1, address(2), 'web');
      expect(holder(leases)).toBe(2);
      advance(DAY_MS);
      expect(holder(leases)).toBe(2); // nobody's lease runs: the latest
    });

    it('goes to the next when the first one takes another name, and no way back', () => {
      const { leases } = table();
      leases.confirm(1, address(2), 'web');
      leases.confirm(2, address(3), 'web');
      leases.confirm(1, address(2), 'db');
      expect([holder(leases), holder(leases, 'db')]).toEqual([2, 1]);
      leases.confirm(1, address(2), 'web');
      expect(holder(leases)).toBe(2);
    });

    it('is the one’s for whom it is configured, and no guest’s by a fixed address alone', () => {
      const { leases } = table({ staticLeases: [{ mac: 7, address: address(200) }] });
      leases.confirm(1, address(2), 'web');
      leases.confirm(7, address(200), 'web');
      expect(holder(leases)).toBe(1);
      leases.confirm(7, address(200), 'own');
      expect(holder(leases, 'own')).toBe(7);
      leases.addStatic({ mac: 8, address: address(201), hostName: 'web' });
      expect(holder(leases)).toBe(8);
      leases.confirm(8, address(201), 'mine');
      expect([holder(leases), holder(leases, 'mine')]).toEqual([8, undefined]);
    });

    it('is free five minutes after its guest was unplugged, while that one is not heard again', () => {
      let origin = 1;
      const heard = new Set<number>();
      const { leases, advance } = table({ origin: () => origin, isHeard: (mac) => heard.has(mac) });
      leases.confirm(1, address(2), 'web');
      origin = 2;
      leases.confirm(2, address(3), 'web');
      leases.portLeft(1);
      advance(299_999);
      expect(holder(leases)).toBe(1);
      advance(1);
      expect(holder(leases)).toBe(2);
      heard.add(1);
      expect(holder(leases)).toBe(1);
      heard.clear();
      origin = 3;
      leases.confirm(1, address(2), 'web');
      expect(holder(leases)).toBe(1);
    });

    it('stays whose it is when the process was killed', () => {
      let stored: readonly Lease[] = [];
      const store = { load: () => stored, save: (next: readonly Lease[]) => (stored = next) };
      const { leases } = table({ store });
      leases.confirm(1, address(2), 'db');
      leases.confirm(2, address(3), 'web');
      leases.confirm(1, address(2), 'web');
      leases.confirm(2, address(3), 'web');
      expect([holder(leases), holder(table({ store }).leases)]).toEqual([2, 2]);
    });
  });

  it('takes what a wrong clock has stored for a whole lease at most', () => {
    const stored: Lease = {
      ...{ mac: 1, address: address(2), hostName: 'one', isStatic: false },
      expiresAtMs: Date.UTC(2036, 0, 1),
    };
    const { leases, advance } = table({ store: { load: () => [stored], save: () => {} } });
    const known = leases.findByMac(1);
    if (known === undefined) throw new Error('no lease');
    advance(DAY_MS - 1);
    expect(leases.hasExpired(known)).toBe(false);
    advance(1);
    expect(leases.hasExpired(known)).toBe(true);
  });

  it('comes back from its store with every lease', () => {
    let stored: readonly Lease[] = [];
    const store: LeaseStore = {
      load: () => stored,
      save: (next) => {
        stored = next;
      },
    };
    const first = table({ store }).leases;
    first.confirm(1, address(3), 'one');
    first.addStatic({ mac: 2, address: address(200), hostName: 'fixed' });
    const second = table({ store, last: address(250) }).leases;
    expect([...second.list()].map((lease) => `${lease.address} ${lease.hostName}`)).toEqual([
      '192.168.127.3 one',
      '192.168.127.200 fixed',
    ]);
  });
});
