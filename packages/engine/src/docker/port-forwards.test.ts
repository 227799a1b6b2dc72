import { OrlopError } from '@orlop/core';
import type { ForwardStatus, ForwardTarget } from '@orlop/vnet';
import { forwardId } from '@orlop/vnet';
import { describe, expect, it } from 'vitest';
import type { AskedPorts } from './asked-ports.ts';
import { type Forwards, PortForwards } from './port-forwards.ts';
import type { PublishedPort } from './published-ports.ts';

/** A table of forwards in memory, in which some sides are taken by others. */
class MemoryForwards implements Forwards {
  readonly open = new Map<string, ForwardStatus>();
  readonly taken = new Set<string>();
  readonly absent = new Set<string>();

  async add(spec: Parameters<Forwards['add']>[0]): Promise<ForwardStatus> {
    const id = forwardId(spec);
    if (this.open.has(id))
      throw new OrlopError('vnet.forward-exists', 'conflict', `${id} is forwarded already`);
    if (this.taken.has(id)) throw new OrlopError('vnet.bind-failed', 'conflict', `cannot listen on ${id}`);
    if (this.absent.has(id)) throw new OrlopError('vnet.bind-unavailable', 'conflict', `no address ${id}`);
    const status: ForwardStatus = {
      id,
      spec,
      local: undefined,
      connections: 3,
      active: 1,
      failed: 0,
      bytesToGuest: 10,
      bytesFromGuest: 20,
      lastError: undefined,
    };
    this.open.set(id, status);
    return status;
  }

  lead(id: string, to: ForwardTarget): void {
    const status = this.open.get(id);
    if (status?.spec.kind !== 'to-guest') throw new Error(`no forward ${id}`);
    this.open.set(id, { ...status, spec: { ...status.spec, ...to } });
  }

  discard(id: string): void {
    this.open.delete(id);
  }

  find(id: string): ForwardStatus | undefined {
    return this.open.get(id);
  }
}

const web: PublishedPort = {
  protocol: 'tcp',
  hostAddress: '127.0.0.1',
  hostPort: 8080,
  container: 'web',
  containerPort: 80,
  target: { address: '172.17.0.2', port: 80 },
};

function setup() {
  const forwards = new MemoryForwards();
  const changes: string[] = [];
  const routes: (readonly string[])[] = [];
  const ports = new PortForwards({
    forwards,
    routes: { set: (prefixes) => void routes.push(prefixes) },
    guestAddresses: ['192.168.127.2'],
    whoHas: async () => 'nginx (process 7)',
    onChange: (change, port) => changes.push(`${change} ${port.container}:${port.hostPort}`),
  });
  return { forwards, changes, routes, ports };
}

describe('PortForwards', () => {
  it('takes the next port that is free where the host is to choose, and keeps it while the container runs', async () => {
    const { forwards, changes, ports } = setup();
    forwards.taken.add('tcp:127.0.0.1:60999');
    const any = { ...web, hostPort: 0, choice: { from: 60_999, to: 32_768 } };
    await ports.apply([any, { ...any, container: 'api' }], []);
    forwards.taken.clear();
    await ports.apply([any, { ...any, container: 'api' }], []);
    expect(changes).toEqual(['open web:60998', 'open api:60997']);
    expect(ports.list().map(({ hostPort }) => hostPort)).toEqual([60_998, 60_997]);
    await ports.apply([], []);
    expect(forwards.open.size).toBe(0);
  });

  it('says of a range of which nothing is free that the host cannot give it', async () => {
    const { forwards, ports } = setup();
    forwards.taken.add('tcp:127.0.0.1:8000').add('tcp:127.0.0.1:8001');
    const ranged = { ...web, hostPort: 0, choice: { from: 8000, to: 8001 } };
    await ports.apply([ranged], []);
    expect(ports.list()).toMatchObject([{ state: 'failed', problem: expect.stringContaining(':8001') }]);
    forwards.taken.delete('tcp:127.0.0.1:8001');
    await ports.apply([ranged], []);
    expect(ports.list()).toMatchObject([{ state: 'open', hostPort: 8001 }]);
  });

  it('opens what is published, closes what is gone, and keeps what stays', async () => {
    const { forwards, changes, ports, routes } = setup();
    await ports.apply([web], ['172.17.0.0/16']);
    await ports.apply([web, { ...web, hostPort: 8081, container: 'api' }], []);
    await ports.apply([{ ...web, hostPort: 8081, container: 'api' }], []);
    expect(changes).toEqual(['open web:8080', 'open api:8081', 'closed web:8080']);
    expect([...forwards.open.keys()]).toEqual(['tcp:127.0.0.1:8081']);
    expect(routes[0]).toEqual(['172.17.0.0/16']);
  });

  it('leads a port anew when another container has it', async () => {
    const { forwards, ports } = setup();
    await ports.apply([web], []);
    await ports.apply([{ ...web, container: 'web2', target: { address: '172.17.0.3', port: 80 } }], []);
    const [status] = [...forwards.open.values()];
    expect(status?.spec).toMatchObject({ kind: 'to-guest', port: 80 });
    expect(ports.list()).toMatchObject([{ container: 'web2', state: 'open' }]);
  });

  it('says who has a port, once, and opens it when it is free', async () => {
    const { forwards, changes, ports } = setup();
    forwards.taken.add('tcp:127.0.0.1:8080');
    await ports.apply([web], []);
    await ports.apply([web], []);
    expect(ports.list()).toMatchObject([
      { state: 'failed', problem: expect.stringContaining('nginx (process 7)') },
    ]);
    expect(changes).toEqual(['failed web:8080']);
    forwards.taken.clear();
    await ports.apply([web], []);
    expect(ports.list()).toMatchObject([{ state: 'open', connections: 3, bytesIn: 10, bytesOut: 20 }]);
    expect(changes).toEqual(['failed web:8080', 'open web:8080']);
  });

  describe('reserve', () => {
    const side = { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 8080, optional: false } as const;
    const asked = (...sides: AskedPorts['sides']): AskedPorts => ({
      ...{ container: 'web', autoRemove: false, bindings: {}, sides },
    });
    const leadsTo = (forwards: MemoryForwards) =>
      [...forwards.open.values()].map(({ id, spec }) => [
        id,
        spec.kind === 'to-guest' ? spec.guest.kind : '',
      ]);

    it('has the side of a container before it publishes, and hands the same one on', async () => {
      const { forwards, ports, changes } = setup();
      const release = await ports.reserve(asked(side));
      expect(leadsTo(forwards)).toEqual([['tcp:127.0.0.1:8080', 'nobody']]);
      expect([ports.list(), changes]).toEqual([[], []]);
      forwards.taken.add('tcp:127.0.0.1:8080'); // nobody could open it anew
      await ports.apply([web], []);
      release();
      expect(leadsTo(forwards)).toEqual([['tcp:127.0.0.1:8080', 'address']]);
      expect(changes).toEqual(['open web:8080']);
      await ports.apply([], []);
      expect(forwards.open.size).toBe(0);
    });

    it('lets go of what no container has published', async () => {
      const { forwards, ports } = setup();
      const [one, two] = [await ports.reserve(asked(side)), await ports.reserve(asked(side))];
      one();
      one();
      expect(forwards.open.size).toBe(1);
      two();
      expect(forwards.open.size).toBe(0);
    });

    it('keeps the side of a container that is started again', async () => {
      const { forwards, ports } = setup();
      await ports.apply([web], []);
      const release = await ports.reserve(asked(side));
      forwards.taken.add('tcp:127.0.0.1:8080');
      await ports.apply([], []);
      expect(leadsTo(forwards)).toEqual([['tcp:127.0.0.1:8080', 'nobody']]);
      await ports.apply([{ ...web, target: { address: '172.17.0.9', port: 80 } }], []);
      release();
      expect(leadsTo(forwards)).toEqual([['tcp:127.0.0.1:8080', 'address']]);
      expect(ports.list()).toMatchObject([{ state: 'open' }]);
    });

    it("refuses in dockerd's words what a program has, and takes nothing then", async () => {
      const { forwards, ports } = setup();
      forwards.taken.add('tcp:127.0.0.1:8080');
      await expect(ports.reserve(asked({ ...side, hostPort: 8081 }, side))).rejects.toMatchObject({
        code: 'engine.port-taken',
        message:
          'container web: Bind for 127.0.0.1:8080 failed: port is already allocated (tcp, address already in use by nginx (process 7))',
      });
      expect(forwards.open.size).toBe(0);
    });

    it('names the container that has another side of the same port', async () => {
      const { forwards, ports } = setup();
      await ports.apply([{ ...web, container: 'first' }], []);
      forwards.taken.add('tcp:0.0.0.0:8080');
      await expect(ports.reserve(asked({ ...side, hostAddress: '0.0.0.0' }))).rejects.toThrow(
        /Bind for 0\.0\.0\.0:8080 failed: .* by container first/,
      );
      expect(await ports.reserve(asked(side))).toBeTypeOf('function'); // the same side: dockerd knows that itself
    });

    it('passes over the IPv6 side that nobody named where the host has none', async () => {
      const { forwards, ports } = setup();
      forwards.absent.add('tcp:[::]:8080');
      const six = { ...side, hostAddress: '::' };
      await ports.reserve(asked({ ...six, optional: true }));
      await expect(ports.reserve(asked(six))).rejects.toThrow(/cannot assign requested address/);
      expect(forwards.open.size).toBe(0);
    });

    it('gives way to the address that a network has for it', async () => {
      const { forwards, ports } = setup();
      const release = await ports.reserve(asked({ ...side, hostAddress: '0.0.0.0' }));
      await ports.apply([web], []);
      expect([...forwards.open.keys()]).toEqual(['tcp:127.0.0.1:8080']);
      release();
      expect([...forwards.open.keys()]).toEqual(['tcp:127.0.0.1:8080']);
    });
  });

  it('says nothing of the IPv6 side that nobody named where the host has none', async () => {
    const { forwards, ports, changes } = setup();
    forwards.absent.add('tcp:[::]:8080');
    await ports.apply([{ ...web, hostAddress: '::', optional: true }], []);
    expect([ports.list(), changes]).toEqual([[], []]);
  });

  it('closes everything by clear', async () => {
    const { forwards, ports } = setup();
    await ports.apply([web], []);
    ports.clear();
    expect(forwards.open.size).toBe(0);
    expect(ports.list()).toEqual([]);
  });
});
