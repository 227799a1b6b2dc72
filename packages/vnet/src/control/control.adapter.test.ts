import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { silentLogger } from '@orlop/core';
import { DescribedApi } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseForwards } from '../forward/forward-text.ts';
import { nodeScheduler } from '../node-scheduler.ts';
import { validateSchema } from '../schema/json-schema.ts';
import { ask, type LiveNetwork, liveNetwork } from '../testing/live-network.ts';
import { NetworkClient } from './control-client.ts';
import { ControlServer, controlRoutes } from './control-server.ts';
import { Machines } from './machines.ts';
import { stateFile } from './state-file.ts';
import { StateKeeper } from './state-keeper.ts';

describe('ControlServer', () => {
  let net: LiveNetwork;
  let control: ControlServer;
  let path: string;
  let client: NetworkClient;
  let machines: Machines;

  beforeEach(async () => {
    net = await liveNetwork();
    path = join(net.folder, 'control.sock');
    machines = new Machines(net.opened.network);
    control = new ControlServer(options());
    await control.listen();
    client = new NetworkClient(path);
  });

  afterEach(async () => {
    control.close();
    await net.close();
  });

  function options() {
    const { opened } = net;
    return { opened, machines, path, logger: silentLogger, listen: [], pid: 1, stop: () => {} };
  }

  it('is its user’s alone, and goes with its server', () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    control.close();
    expect(existsSync(path)).toBe(false);
  });

  it('describes every route, and each answers as described', async () => {
    await net.guest(2);
    await client.addForwards(['127.0.0.1:0:80']);
    await client.setLease({ mac: '52:54:00:00:00:09', address: '192.168.127.2', name: 'web' });
    await client.addRecord('own.test', { name: 'www', type: 'A', value: '10.1.2.3' });
    const described = JSON.parse((await ask(path, { path: '/openapi.json' })).text);
    const routes = controlRoutes(options());
    const known = Object.entries(described.paths).flatMap(([where, methods]) =>
      Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${where}`),
    );
    expect(known.sort()).toEqual(routes.map((route) => `${route.method} ${route.path}`).sort());
    for (const route of routes) {
      if (route.method !== 'GET' || route.answerType !== undefined) continue;
      const answer = await ask(path, { path: route.path });
      expect({ path: route.path, status: answer.status }).toEqual({ path: route.path, status: 200 });
      expect(validateSchema(route.answer ?? {}, JSON.parse(answer.text))).toEqual([]);
    }
  });

  it('answers every operation as its document describes it, and nothing that it does not', async () => {
    const guest = await net.guest(2);
    await guest.listen({ port: 80 }, async (stream) => stream.end());
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await guest.connect({ address: '192.168.127.254', port: (server.address() as AddressInfo).port });
    expect(await client.flows()).toHaveLength(1);
    const api = new DescribedApi(JSON.parse((await ask(path, { path: '/openapi.json' })).text));
    const mac = '52:54:00:00:00:09';
    const asked: readonly (readonly [string, number?, unknown?])[] = [
      ['GET /v1/status'],
      ['POST /v1/forwards', 200, { forwards: [`unix:${net.folder}/w.sock:80`] }],
      ['POST /v1/forwards', 409, { forwards: [`unix:${net.folder}/w.sock:81`] }],
      ['POST /v1/forwards', 400, {}],
      ['GET /v1/forwards'],
      ['GET /v1/forwards/health'],
      [`DELETE /v1/forwards?id=tcp:unix:${net.folder}/w.sock`],
      [`DELETE /v1/forwards?id=tcp:unix:${net.folder}/w.sock`, 404],
      ['PUT /v1/leases', 200, { mac, address: '192.168.127.9', name: 'web' }],
      ['PUT /v1/leases', 400, { mac: 'none', address: '192.168.127.9' }],
      ['GET /v1/leases'],
      [`DELETE /v1/leases?mac=${mac}`],
      [`DELETE /v1/leases?mac=${mac}`, 404],
      ['POST /v1/machines', 200, { name: 'one', mac, forwards: ['127.0.0.1:0:80'] }],
      ['GET /v1/machines'],
      ['GET /v1/status'],
      ['DELETE /v1/machines?name=one'],
      ['PUT /v1/dns/zones', 200, { name: 'own.test', records: [], fallThrough: true }],
      ['POST /v1/dns/records', 200, { zone: 'own.test', name: 'www', type: 'A', value: '10.1.2.3' }],
      ['GET /v1/dns/zones'],
      ['DELETE /v1/dns/records?zone=own.test&name=www'],
      ['DELETE /v1/dns/zones?name=own.test'],
      ['GET /v1/flows'],
      ['DELETE /v1/flows?id=none', 404],
      ['GET /v1/capture?snapLength=0', 400],
      ['GET /metrics'],
      ['GET /openapi.json'],
      ['POST /v1/stop'],
    ];
    const seen = new Set<string>();
    for (const [line, status = 200, body] of asked) {
      const [method = '', where = ''] = line.split(' ');
      const operation = { method, path: where.replace(/\?.*/, '') };
      const answer = await ask(path, { method, path: where, body });
      expect([line, answer.status, answer.text]).toEqual([line, status, expect.any(String)]);
      expect(api.problemsOf({ ...operation, ...answer })).toEqual([]);
      seen.add(`${method} ${operation.path}`);
    }
    expect([...seen].sort()).toEqual(api.operations);
    const paths = ['/', '/v1', '/v1/status/', ...api.operations.map((line) => line.split(' ')[1] ?? '')];
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']) {
      for (const where of paths) {
        if (api.operations.includes(`${method} ${where}`)) continue;
        const { status } = await ask(path, { method, path: where });
        expect([method, where, status]).toEqual([method, where, 404]);
      }
    }
    server.closeAllConnections();
    server.close();
  });

  it('turns down a body that is not as described, and what it does not know', async () => {
    const bad = await ask(path, { method: 'POST', path: '/v1/forwards', body: { forwards: '8080:80' } });
    expect(bad).toMatchObject({ status: 400 });
    expect(JSON.parse(bad.text).error).toMatchObject({ code: 'vnet.request-invalid' });
    expect((await ask(path, { path: '/v1/nothing' })).status).toBe(404);
    expect((await ask(path, { method: 'DELETE', path: '/v1/forwards' })).status).toBe(400);
    await expect(client.removeForward('tcp:127.0.0.1:1')).rejects.toMatchObject({
      code: 'vnet.forward-unknown',
      kind: 'not-found',
    });
  });

  it('adds several forwards or none', async () => {
    const [first] = await client.addForwards(['127.0.0.1:0:80']);
    const taken = first?.local?.split(':')[1] ?? '';
    const twice = client.addForwards([`unix:${net.folder}/a.sock:80`, `127.0.0.1:${taken}:81`]);
    await expect(twice).rejects.toMatchObject({ code: 'vnet.forward-exists' });
    const elsewhere = client.addForwards([`unix:${net.folder}/a.sock:80`, `:${taken}:81`]);
    await expect(elsewhere).rejects.toMatchObject({ code: 'vnet.bind-failed' });
    expect((await client.forwards()).map((forward) => forward.id)).toEqual([`tcp:127.0.0.1:${taken}`]);
  });

  it('tells whether somebody answers behind a forward', async () => {
    const guest = await net.guest(2);
    await guest.listen({ port: 80 }, async (stream) => stream.end());
    await client.addForwards(['127.0.0.1:0:192.168.127.2:80', `unix:${net.folder}/b.sock:192.168.127.2:81`]);
    const health = await client.checkForwards();
    expect(health.map(({ state, reason }) => [state, reason])).toEqual([
      ['reachable', undefined],
      ['unreachable', 'refused'],
    ]);
  });

  it('lists a flow with its bytes and round-trip time, and ends it', async () => {
    const server = createServer((_request, response) => response.write('x'.repeat(1000)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const guest = await net.guest(2);
    const port = (server.address() as AddressInfo).port;
    const stream = await guest.connect({ address: '192.168.127.254', port });
    await stream.write(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    for (let got = 0; got < 1000; ) got += (await stream.read())?.length ?? 1000;
    const [flow] = await client.flows();
    expect(flow).toMatchObject({
      protocol: 'tcp',
      direction: 'out',
      peer: `192.168.127.254:${port}`,
      state: 'established',
      bytesFromGuest: 27,
    });
    expect(flow?.bytesToGuest).toBeGreaterThan(1000);
    expect(flow?.rttMs).toBeGreaterThanOrEqual(0);
    await client.dropFlow(flow?.id ?? '');
    await expect(stream.closed).rejects.toMatchObject({ code: 'netstack.reset' });
    expect(await client.flows()).toEqual([]);
    server.close();
  });

  it('records what tshark reads, live', async () => {
    const guest = await net.guest(2);
    await guest.listen({ port: 80 }, async (stream) => stream.end());
    await client.addForwards(['127.0.0.1:0:192.168.127.2:80']);
    // Node's own pipes are sockets, which tshark does not read from.
    const tshark = spawn(
      'sh',
      ['-c', 'cat | tshark -l -i - -T fields -e tcp.flags.str -e frame.interface_name'],
      {
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    let printed = '';
    tshark.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    const stop = new AbortController();
    const capture = client.capture({}, { signal: stop.signal });
    const recording = (async () => {
      let seen = 0;
      for await (const chunk of capture) {
        tshark.stdin.write(chunk);
        seen += chunk.length;
        if (seen > 600) break;
      }
      tshark.stdin.end();
    })();
    // The first block says that the capture runs; checks make traffic until enough is recorded.
    let done = false;
    void recording.then(() => {
      done = true;
    });
    while (!done) await client.checkForwards();
    await new Promise((resolve) => tshark.once('close', resolve));
    expect(printed).toMatch(/S·\t.*qemu\.sock#1/);
    expect(net.opened.captures.size).toBe(0);
  });

  it('counts for Prometheus', async () => {
    await net.guest(2);
    await client.addForwards(['127.0.0.1:0:80']);
    const metrics = await client.metrics();
    expect(metrics).toMatch(/^orlop_net_ports 1$/m);
    expect(metrics).toMatch(/^orlop_net_port_drops_total\{port=".+#1",reason="queue-full"\} 0$/m);
    expect(metrics).toMatch(/^orlop_net_forward_connections_total\{forward="tcp:127.0.0.1:\d{4,5}"\} 0$/m);
    for (const line of metrics.trim().split('\n')) {
      expect(line).toMatch(/^(?:# (?:HELP|TYPE) \S+ .+|[a-z_]+(?:\{[^{}]*\})? -?[0-9.e+]+)$/);
    }
  });
});

describe('StateKeeper', () => {
  it('brings back forwards, zones and machines of a network that was killed, and not what the configuration says', async () => {
    const forwards = ['127.0.0.1:0:80'];
    const first = await liveNetwork({ forwards });
    const store = stateFile(join(first.folder, 'state.json'));
    await keep(first).restore();
    const { network } = first.opened;
    const socket = join(first.folder, 'web.sock');
    await network.forwards.add(parse(`unix:${socket}:web:80,proxy=2`));
    const { id: anyPort } = await network.forwards.add(parse('127.0.0.1:0:web:81'));
    const kept = `${anyPort.replace('tcp:', '')}:web:81/tcp`;
    network.zones.set({ name: 'own.test', records: [{ name: 'www', type: 'A', value: '10.1.2.3' }] });
    const machines = new Machines(network);
    expect(store.load()).toEqual({
      forwards: [`unix:${socket}:web:80,proxy=2`, kept],
      machines: [],
      zones: [{ name: 'own.test', records: [{ name: 'www', type: 'A', value: '10.1.2.3' }] }],
    });
    expect(machines.size).toBe(0);

    // The process is gone: what it wrote is all there is.
    const state = readFileSync(join(first.folder, 'state.json'), 'utf8');
    first.opened.close();
    const second = await liveNetwork({ forwards });
    const restored = new StateKeeper({
      network: second.opened.network,
      machines: new Machines(second.opened.network),
      store: { load: () => JSON.parse(state), save: () => {} },
      scheduler: nodeScheduler,
      logger: silentLogger,
    });
    await restored.restore();
    expect(second.opened.network.forwards.list().map((forward) => forward.id)).toEqual([
      ...second.opened.network.configuredForwards,
      `tcp:unix:${socket}`,
      anyPort,
    ]);
    expect(second.opened.network.configuredForwards.size).toBe(1);
    expect(second.opened.network.zones.answer('www.own.test').kind).toBe('records');
    restored.close();
    await second.close();
    await first.close();

    function keep(net: LiveNetwork): StateKeeper {
      return new StateKeeper({
        network: net.opened.network,
        machines: new Machines(net.opened.network),
        store,
        scheduler: nodeScheduler,
        logger: silentLogger,
      });
    }
  });

  it('brings a machine back with its forwards and address', async () => {
    const net = await liveNetwork();
    const machines = new Machines(net.opened.network);
    const saved: unknown[] = [];
    const keeper = new StateKeeper({
      network: net.opened.network,
      machines,
      store: {
        load: () => ({
          forwards: [],
          zones: [],
          machines: [{ name: 'db', mac: '52:54:00:00:00:07', forwards: [`unix:${net.folder}/db.sock:5432`] }],
        }),
        save: (state) => saved.push(state),
      },
      scheduler: nodeScheduler,
      logger: silentLogger,
    });
    await keeper.restore();
    expect([...machines.list()]).toMatchObject([{ name: 'db', mac: '52:54:00:00:00:07' }]);
    expect(saved.at(-1)).toMatchObject({ forwards: [], machines: [{ name: 'db' }] });
    keeper.close();
    expect(saved.at(-1)).toMatchObject({ machines: [] });
    await net.close();
  });
});

function parse(text: string) {
  const [spec] = parseForwards(text);
  if (spec === undefined) throw new Error(text);
  return spec;
}
