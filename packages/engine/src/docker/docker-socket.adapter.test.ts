import { createHash, randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { silentLogger } from '@orlop/core';
import { temporaryFolder } from '@orlop/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { engineError } from '../errors.ts';
import { SharedPaths } from '../files/shared-paths.ts';
import { dial, type FakeDockerdOptions, startFakeDockerd } from '../testing/fake-dockerd.ts';
import { createCredentials } from '../tls/instance-authority.ts';
import { bindRules } from './bind-rules.ts';
import { DockerChannel, readText } from './docker-channel.ts';
import { DockerSocket } from './docker-socket.ts';
import { portAnswers, portRules } from './port-answers.ts';
import { firstOf } from './request-gate.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** As an engine has it: requests that mount folders are looked into. */
const rules = bindRules(new SharedPaths({ shares: () => ['/shared'], dockerSocket: '/docker.sock' }));

async function setup(
  options: FakeDockerdOptions & {
    readonly look?: () => Promise<void>;
    readonly reserve?: (container: string) => Promise<() => void>;
    readonly requestLimitMs?: number;
  },
) {
  const dockerd = await startFakeDockerd(options);
  const folder = await temporaryFolder();
  const path = join(folder.path, 'docker.sock');
  const socket = new DockerSocket({
    logger: silentLogger,
    open: (signal) => dockerd.channel.open(signal),
    rules: firstOf(rules, portRules(options.reserve ?? (async () => () => undefined))),
    ...(options.look !== undefined && { answers: portAnswers(options.look) }),
    ...(options.requestLimitMs !== undefined && { requestLimitMs: options.requestLimitMs }),
  });
  await socket.listen(path);
  closers.push(
    () => folder.remove(),
    () => dockerd.close(),
    () => socket.close(),
  );
  return { dockerd, socket, path };
}

const get = (socketPath: string, path: string) => ask(socketPath, 'GET', path);

async function ask(
  socketPath: string,
  method: string,
  path: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, agent: false }, (answer) => {
      readText(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), reject);
    });
    asked.once('error', reject);
    asked.end();
  });
}

/** What a hijacked exec does: 101, then bytes; the client ends its side first. */
async function hijack(socketPath: string, input: Uint8Array): Promise<string> {
  const client: Socket = connect({ path: socketPath, allowHalfOpen: true });
  client.write(
    'POST /exec/1/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n',
  );
  client.write(input);
  client.end();
  const text = await readText(client);
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}

describe('DockerSocket', () => {
  it('holds the answer to a start until the ports are looked after, and no other', async () => {
    let open = () => {};
    const looked: string[] = [];
    const asked: string[] = [];
    const { path } = await setup({
      handle: (request, answer) => {
        asked.push(request.url ?? '');
        answer.end(`you asked ${request.url}`);
      },
      look: () =>
        new Promise((resolve) => {
          looked.push(asked.at(-1) ?? '');
          open = resolve;
        }),
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (method: string, target: string) =>
      new Promise<string>((resolve, reject) => {
        request({ socketPath: path, method, path: target, agent }, (answer) =>
          readText(answer).then(resolve, reject),
        )
          .once('error', reject)
          .end();
      });
    expect(await ask('GET', '/containers/json')).toBe('you asked /containers/json');
    let started = '';
    const start = ask('POST', '/v1.45/containers/one/start').then((text) => {
      started = text;
    });
    await expect.poll(() => looked).toEqual(['/v1.45/containers/one/start']);
    expect(started).toBe('');
    open();
    await start;
    expect(started).toBe('you asked /v1.45/containers/one/start');
    expect(await ask('GET', '/containers/json')).toBe('you asked /containers/json');
    expect(looked).toHaveLength(1);
    agent.destroy();
  });

  it('has the ports of a container before dockerd hears of its start, and lets go of them when that is over', async () => {
    const happened: string[] = [];
    const { path } = await setup({
      handle: (request, answer) => {
        happened.push(request.url ?? '');
        if (request.url?.includes('hang') === true) return;
        answer.writeHead(204);
        answer.end();
      },
      look: async () => void happened.push('look'),
      reserve: async (container) => {
        happened.push(`reserve ${container}`);
        if (container === 'taken') throw engineError('engine.port-taken', 'nginx has it');
        return () => void happened.push(`release ${container}`);
      },
    });
    expect((await ask(path, 'POST', '/v1.45/containers/web/start')).status).toBe(204);
    expect(happened.splice(0)).toEqual(['reserve web', '/v1.45/containers/web/start', 'look', 'release web']);
    expect(await ask(path, 'POST', '/containers/taken/restart')).toEqual({
      status: 500,
      text: '{"message":"orlop: nginx has it"}',
    });
    expect(happened.splice(0)).toEqual(['reserve taken']);
    const client = connect({ path });
    client.write('POST /containers/hang/start HTTP/1.1\r\nHost: d\r\n\r\n');
    await expect.poll(() => happened).toEqual(['reserve hang', '/containers/hang/start']);
    client.destroy();
    await expect.poll(() => happened.at(-1)).toBe('release hang');
  });

  it('is a socket of the user alone', async () => {
    const { path } = await setup({});
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('carries requests and answers, and leaves no connection behind', async () => {
    const { path, dockerd, socket } = await setup({
      handle: (asked, answer) => answer.end(`you asked ${asked.url}`),
    });
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => get(path, `/${round}/${i}`)));
      expect(answers.map(({ text }) => text)).toEqual(answers.map((_, i) => `you asked /${round}/${i}`));
    }
    await expect.poll(() => [socket.connections, dockerd.open()]).toEqual([0, 0]);
  });

  it('carries a hijacked stream whose client ends its side first', async () => {
    const input = randomBytes(3 * 1024 * 1024);
    const { path, socket } = await setup({
      upgrade: (_, stream) => {
        stream.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
        const hash = createHash('sha256');
        stream.on('data', (bytes: Buffer) => hash.update(bytes));
        // Only the end of the client's side tells that all is there.
        stream.on('end', () => stream.end(hash.digest('hex')));
      },
    });
    expect(await hijack(path, input)).toBe(createHash('sha256').update(input).digest('hex'));
    await expect.poll(() => socket.connections).toBe(0);
  });

  it('answers a mount of an unshared folder itself, and goes on with the connection', async () => {
    const seen: string[] = [];
    const { path } = await setup({
      handle: (asked, answer) => {
        seen.push(asked.url ?? '');
        readText(asked).then(
          (body) => answer.end(body),
          () => answer.destroy(),
        );
      },
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const create = (bind: string) =>
      new Promise<string>((resolve, reject) => {
        const asked = request({ socketPath: path, method: 'POST', path: '/v1.45/containers/create', agent });
        asked.once('error', reject);
        asked.once('response', (answer) => {
          readText(answer).then((text) => resolve(`${answer.statusCode} ${text}`), reject);
        });
        asked.end(JSON.stringify({ HostConfig: { Binds: [bind] } }));
      });
    try {
      expect(await create('/elsewhere:/x')).toMatch(
        /^400 .*\/elsewhere is not shared.*orlop config set shares/,
      );
      expect(seen).toEqual([]);
      expect(await create('/proc:/x')).toBe('200 {"HostConfig":{"Binds":["/proc:/x"]}}');
      expect(seen).toEqual(['/v1.45/containers/create']);
      // The host's side of the socket is the machine's own to a container.
      expect(await create('/docker.sock:/s:ro')).toBe(
        '200 {"HostConfig":{"Binds":["/var/run/docker.sock:/s:ro"]}}',
      );
    } finally {
      agent.destroy();
    }
  });

  it('goes on judging a connection whose request for another protocol got an ordinary answer', async () => {
    const { path } = await setup({
      handle: (asked, answer) => {
        asked.resume();
        asked.once('end', () => {
          const isAttach = asked.url?.includes('attach') === true;
          if (isAttach) answer.setHeader('content-type', 'application/vnd.docker.raw-stream'); // as dockerd
          answer.writeHead(asked.url?.includes('nope') ? 404 : 200).end();
        });
      },
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const post = (target: string, content: object, headers = {}) =>
      new Promise<string>((resolve, reject) => {
        const asked = request({ socketPath: path, method: 'POST', path: target, agent, headers });
        asked.once('error', reject);
        asked.once('response', (answer) => {
          readText(answer).then(
            (text) => resolve(`${answer.statusCode} ${asked.reusedSocket} ${text}`),
            reject,
          );
        });
        // Head and body apart, as some clients send them.
        asked.flushHeaders();
        setImmediate(() => asked.end(JSON.stringify(content)));
      });
    const upgrade = { connection: 'Upgrade', upgrade: 'tcp' };
    const unshared = { HostConfig: { Binds: ['/elsewhere:/x'] } };
    try {
      expect(await post('/v1.45/exec/e1/start', { Detach: true })).toBe('200 false ');
      expect(await post('/v1.45/containers/create', unshared)).toMatch(/^400 true .*is not shared/);
      expect(await post('/v1.45/containers/nope/attach', {})).toBe('404 true ');
      expect(await post('/v1.45/containers/create', unshared)).toMatch(/^400 true .*is not shared/);
      expect(await post('/v1.45/exec/nope/start', {}, upgrade)).toMatch(/^404 /);
    } finally {
      agent.destroy();
    }
  });

  it('lets go of dockerd when the client goes away', async () => {
    const { path, dockerd } = await setup({ handle: (_, answer) => void answer.write('event\n') });
    const client = connect({ path });
    client.write('GET /events HTTP/1.1\r\nHost: d\r\n\r\n');
    await new Promise((resolve) => client.once('data', resolve));
    expect(dockerd.open()).toBe(1);
    client.destroy();
    await expect.poll(() => dockerd.open()).toBe(0);
  });

  it('lets go of a client of a silent stream that is gone, and not of one that has only said its last', async () => {
    const streams: Duplex[] = [];
    const { path, socket } = await setup({
      upgrade: (_, stream) => {
        streams.push(stream);
        stream.allowHalfOpen = true; // as dockerd's
        stream.on('error', () => {});
        stream.resume().write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
      },
    });
    const attach = async () => {
      const client = connect({ path, allowHalfOpen: true });
      client.write(
        'POST /containers/x/attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
      );
      await new Promise((resolve) => client.once('data', resolve));
      return client;
    };
    const [gone, listening] = [await attach(), await attach()];
    listening.end();
    gone.destroy();
    await expect.poll(() => socket.connections).toBe(1);
    const heard = new Promise((resolve) => listening.once('data', (bytes) => resolve(String(bytes))));
    streams[1]?.write('still there');
    expect(await heard).toBe('still there');
    listening.destroy();
    await expect.poll(() => socket.connections, { timeout: 15_000 }).toBe(0);
  });

  it('answers what two readers may understand differently with 400, and lets nothing of it through', async () => {
    const seen: string[] = [];
    const { path, dockerd, socket } = await setup({
      handle: (asked, answer) => {
        seen.push(asked.url ?? '');
        answer.end();
      },
    });
    const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: d\r\n\r\n';
    const heads = [
      'Content-Length: 5\r\nTransfer-Encoding: chunked',
      'Content-Length: 5\r\nContent-Length: 6',
    ];
    for (const head of heads) {
      const client = connect({ path });
      client.write(`POST /build HTTP/1.1\r\nHost: d\r\n${head}\r\n\r\n0\r\n\r\n${smuggled}`);
      expect(await readText(client)).toMatch(/^HTTP\/1\.1 400 .*the request is malformed/s);
    }
    await expect.poll(() => [socket.connections, dockerd.open()]).toEqual([0, 0]);
    expect([seen, socket.refused]).toEqual([[], heads.length]);
  });

  it('ends connections whose request is not whole in time, and no others', async () => {
    const { path, dockerd, socket } = await setup({
      requestLimitMs: 300,
      handle: (asked, answer) => void asked.pipe(answer),
    });
    const slow = [
      'GET /info HTTP/1.1\r\nX: y',
      'GET /_ping HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\nGET /inf',
      'POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 9\r\n\r\n{"a"',
    ];
    const upload = connect({ path });
    upload.write('POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\n\r\nab');
    const answers = await Promise.all(
      slow.map((text) => {
        const client = connect({ path });
        client.write(text);
        return readText(client);
      }),
    );
    for (const answer of answers) expect(answer).toMatch(/HTTP\/1\.1 408 Request Timeout/);
    upload.end('cd');
    expect(await readText(upload)).toMatch(/^HTTP\/1\.1 200 OK.*abcd|^HTTP\/1\.1 200 OK.*ab.*cd/s);
    await expect.poll(() => [socket.connections, dockerd.open()]).toEqual([0, 0]);
    expect(socket.refused).toBe(slow.length);
  });

  it('tells a Docker client in its own words when dockerd cannot be reached', async () => {
    const { path, dockerd } = await setup({});
    await dockerd.close();
    const { status, text } = await get(path, '/_ping');
    expect(status).toBe(503);
    expect(JSON.parse(text)).toEqual({ message: expect.stringContaining('orlop: ') });
  });

  it('does not take the place of another that answers', async () => {
    const { path } = await setup({});
    const second = new DockerSocket({ logger: silentLogger, open: () => Promise.reject(new Error('no')) });
    await expect(second.listen(path)).rejects.toMatchObject({ code: 'engine.socket-busy' });
  });
});

describe('DockerChannel', () => {
  it('is not let in with a certificate of another authority, nor takes another server', async () => {
    const dockerd = await startFakeDockerd({ handle: (_, answer) => answer.end('in') });
    closers.push(() => dockerd.close());
    const stranger = new DockerChannel({
      credentials: createCredentials(Date.now()),
      dial: () => dial(dockerd.port),
    });
    await expect(stranger.json({ path: '/info' })).rejects.toMatchObject({
      code: 'engine.docker-unreachable',
    });
  });

  it('throws what dockerd says of a request that it refuses', async () => {
    const dockerd = await startFakeDockerd({
      handle: (_, answer) => {
        answer.writeHead(404);
        answer.end('{"message":"no such container"}');
      },
    });
    closers.push(() => dockerd.close());
    await expect(dockerd.channel.json({ path: '/containers/x/json' })).rejects.toMatchObject({
      code: 'engine.docker-failed',
      message: expect.stringContaining('no such container'),
    });
  });
});
