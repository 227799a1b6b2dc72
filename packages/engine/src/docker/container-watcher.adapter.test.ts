import type { ServerResponse } from 'node:http';
import { silentLogger } from '@orlop/core';
import { afterEach, describe, expect, it } from 'vitest';
import { type FakeDockerd, startFakeDockerd } from '../testing/fake-dockerd.ts';
import { type ContainersSeen, ContainerWatcher } from './container-watcher.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** dockerd with containers that publish a port each. */
async function setup() {
  const ports: number[] = [];
  const streams = new Set<ServerResponse>();
  const inspected: string[] = [];
  const looks = { networks: 0 };
  /** Absent until the machine is one of a swarm; null where it is no manager of it. */
  const swarm: { services?: readonly unknown[] | null } = {};
  const dockerd: FakeDockerd = await startFakeDockerd({
    handle: (request, answer) => {
      const path = request.url ?? '';
      if (path.startsWith('/events')) {
        streams.add(answer);
        answer.once('close', () => streams.delete(answer));
        answer.flushHeaders();
      } else if (path === '/containers/json') {
        const list = ports.map((port) => ({
          Id: `c${port}`,
          Names: [`/c${port}`],
          Ports: [{ IP: '127.0.0.1', PrivatePort: 80, PublicPort: port, Type: 'tcp' }],
          NetworkSettings: { Networks: { bridge: { NetworkID: 'n0', IPAddress: '172.17.0.2' } } },
        }));
        answer.end(JSON.stringify(list));
      } else if (path === '/networks') {
        looks.networks++;
        const bridge = { Id: 'n0', Driver: 'bridge', IPAM: { Config: [{ Subnet: '172.17.0.0/16' }] } };
        const ingress = { Driver: 'overlay', Scope: 'swarm', Ingress: true };
        answer.end(JSON.stringify(swarm.services === undefined ? [bridge] : [bridge, ingress]));
      } else if (path === '/services') {
        answer.statusCode = Array.isArray(swarm.services) ? 200 : 503;
        answer.end(JSON.stringify(swarm.services ?? { message: 'This node is not a swarm manager.' }));
      } else {
        inspected.push(path);
        answer.end('{"HostConfig":{"PortBindings":{}}}');
      }
    },
  });
  const seen: ContainersSeen[] = [];
  const watcher = new ContainerWatcher({
    docker: dockerd.channel,
    guestAddress: '192.168.127.2',
    logger: silentLogger,
    onSeen: async (one) => void seen.push(one),
  });
  const running = watcher.run();
  closers.push(
    () => dockerd.close(),
    async () => {
      watcher.stop();
      await running;
    },
  );
  const latest = () => seen.at(-1)?.ports.map((port) => port.hostPort);
  const say = (action: string, more: Readonly<Record<string, unknown>> = {}) => {
    const event = { Type: 'container', Action: action, ...more };
    for (const stream of streams) stream.write(`${JSON.stringify(event)}\n`);
  };
  return { ports, streams, seen, latest, say, inspected, looks, swarm };
}

describe('ContainerWatcher', () => {
  it('sees what runs at its start, and what starts and dies after', async () => {
    const { ports, latest, say, seen } = await setup();
    await expect.poll(latest).toEqual([]);
    ports.push(8080);
    say('start');
    await expect.poll(latest).toEqual([8080]);
    expect(seen.at(-1)).toMatchObject({ running: 1, subnets: ['172.17.0.0/16'] });
    ports.pop();
    say('die');
    await expect.poll(latest).toEqual([]);
  });

  it('does not look for events that change no port', async () => {
    const { ports, latest, say, seen } = await setup();
    await expect.poll(latest).toEqual([]);
    const looks = seen.length;
    say('exec_create');
    say('top');
    ports.push(8081);
    say('start');
    await expect.poll(latest).toEqual([8081]);
    expect(seen.length).toBe(looks + 1);
  });

  it('asks once for what a container had asked for', async () => {
    const { ports, latest, say, inspected } = await setup();
    await expect.poll(latest).toEqual([]);
    ports.push(8082);
    say('start');
    await expect.poll(latest).toEqual([8082]);
    ports.push(8083);
    say('start');
    await expect.poll(latest).toEqual([8082, 8083]);
    expect(inspected).toEqual(['/containers/c8082/json', '/containers/c8083/json']);
  });

  it('knows what a container asks for before it starts, and its networks while none comes or goes', async () => {
    const { ports, latest, say, seen, inspected, looks } = await setup();
    await expect.poll(latest).toEqual([]);
    const before = { seen: seen.length, networks: looks.networks };
    say('create', { Actor: { ID: 'c8085' } });
    await expect.poll(() => inspected).toEqual(['/containers/c8085/json']);
    // One that does not run yet is connected.
    say('connect', { Type: 'network', Actor: { ID: 'n1', Attributes: { container: 'c8085' } } });
    ports.push(8085);
    say('start', { Actor: { ID: 'c8085' } });
    await expect.poll(latest).toEqual([8085]);
    expect(inspected).toHaveLength(1);
    expect([seen.length, looks.networks]).toEqual([before.seen + 1, before.networks]);
    say('connect', { Type: 'network', Actor: { ID: 'n1', Attributes: { container: 'c8085' } } });
    await expect.poll(() => seen.length).toBe(before.seen + 2);
    say('create', { Type: 'network', Actor: { ID: 'n2' } });
    await expect.poll(() => looks.networks).toBe(before.networks + 1);
  });

  it("publishes what a swarm's services do, where the machine is a manager of it, and does without where it is none", async () => {
    const { ports, latest, say, swarm } = await setup();
    await expect.poll(latest).toEqual([]);
    ports.push(8080);
    const Ports = [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 9000, PublishMode: 'ingress' }];
    swarm.services = [{ Spec: { Name: 'web' }, Endpoint: { Ports } }];
    say('create', { Type: 'network' });
    await expect.poll(latest).toEqual([8080, 9000, 9000]);
    swarm.services = null;
    say('remove', { Type: 'service' });
    await expect.poll(latest).toEqual([8080]);
  });

  it('begins again when the stream of events breaks, and finds what it has missed', async () => {
    const { ports, streams, latest } = await setup();
    await expect.poll(latest).toEqual([]);
    ports.push(8084);
    for (const stream of streams) stream.destroy();
    await expect.poll(latest).toEqual([8084]);
  });
});
