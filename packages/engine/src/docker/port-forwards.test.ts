import { OrlopError } from '@orlop/core';
import type { ForwardStatus } from '@orlop/vnet';
import { forwardId } from '@orlop/vnet';
import { describe, expect, it } from 'vitest';
import { type Forwards, PortForwards } from './port-forwards.ts';
import type { PublishedPort } from './published-ports.ts';

/** A table of forwards in memory, in which some sides are taken by others. */
class MemoryForwards implements Forwards {
  readonly open = new Map<string, ForwardStatus>();
  readonly taken = new Set<string>();

  async add(spec: Parameters<Forwards['add']>[0]): Promise<ForwardStatus> {
    const id = forwardId(spec);
    if (this.taken.has(id)) throw new OrlopError('vnet.bind-failed', 'conflict', `cannot listen on ${id}`);
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

  remove(id: string): void {
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
    guestAddress: '192.168.127.2',
    whoHas: async () => 'nginx (process 7)',
    onChange: (change, port) => changes.push(`${change} ${port.container}:${port.hostPort}`),
  });
  return { forwards, changes, routes, ports };
}

describe('PortForwards', () => {
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

  it('closes everything by clear', async () => {
    const { forwards, ports } = setup();
    await ports.apply([web], []);
    ports.clear();
    expect(forwards.open.size).toBe(0);
    expect(ports.list()).toEqual([]);
  });
});
