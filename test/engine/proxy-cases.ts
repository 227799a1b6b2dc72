import { appendFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { collect, type EngineUnderTest, endOf, run } from './engine-under-test.ts';
import { descriptors } from './machine-counts.ts';
import { randomTar } from './random-tar.ts';

const LONG = process.env['ORLOP_LONG'] === '1';
const LINES = 20_000;
const REQUESTS = LONG ? 5000 : 500;

/** What passes Docker's socket on the host, and what is left of it when a client goes. */
export function proxyCases(engine: EngineUnderTest): void {
  const docker = (...words: readonly string[]) => engine.docker(...words);
  const socketPath = () => `${engine.home}/engine/default/docker.sock`;
  const connections = async () => (await engine.status()).connections;

  /** What a client that is no HTTP library gets for these bytes, until the other side ends. */
  const say = async (bytes: string) => {
    const client = connect({ path: socketPath() });
    client.on('error', () => client.destroy());
    client.write(bytes);
    return text(client);
  };

  it(`follows ${LINES} lines of a log to the last, and lets go of it at Ctrl-C`, async () => {
    const script = `seq ${LINES}; exec sleep 10000`;
    await docker('run', '-d', '--name', 'talker', 'busybox', 'sh', '-c', script);
    const logs = engine.spawn('logs', '-f', 'talker');
    const heard = collect(logs.stdout);
    await expect.poll(() => heard.text.endsWith(`\n${LINES}\n`), { timeout: 120_000 }).toBe(true);
    expect(heard.text.split('\n').slice(0, -1)).toEqual(
      Array.from({ length: LINES }, (_, at) => `${at + 1}`),
    );
    logs.kill('SIGINT');
    await endOf(logs);
    await expect.poll(connections, { interval: 500 }).toBe(0);
  });

  it('keeps nothing of clients that are killed while they listen', async () => {
    const listeners = [['events'], ['logs', '-f', 'talker'], ['stats', 'talker'], ['attach', 'talker']].map(
      (words) => engine.spawn(...words),
    );
    await expect.poll(connections, { interval: 500 }).toBeGreaterThanOrEqual(listeners.length);
    for (const listener of listeners) listener.kill('SIGKILL');
    await Promise.all(listeners.map(endOf));
    await expect.poll(connections, { interval: 500 }).toBe(0);
    await docker('rm', '-f', 'talker');
  });

  it('copies a tree of many files and links in and out, as it was', async () => {
    const tree = join(engine.home, 'tree');
    await mkdir(tree);
    for (let folder = 0; folder < 20; folder++) {
      await mkdir(join(tree, `f${folder}`));
      for (let file = 0; file < 50; file++)
        await writeFile(join(tree, `f${folder}`, `ä${file}`), `${folder}/${file}\n`.repeat(file), {
          mode: file % 2 === 0 ? 0o600 : 0o755,
        });
      await symlink(`../f${(folder + 1) % 20}/ä1`, join(tree, `f${folder}`, 'next'));
    }
    await docker('create', '--name', 'holder', 'busybox', 'true');
    await docker('cp', '-q', tree, 'holder:/tree');
    const back = join(engine.home, 'back-again');
    await docker('cp', '-q', 'holder:/tree', back);
    await docker('rm', 'holder');
    await run('diff', ['-r', '--no-dereference', tree, back]);
    const modes = async (folder: string) =>
      (await run('find', [folder, '-type', 'f', '-printf', '%P %m\n'])).stdout.split('\n').sort();
    expect(await modes(back)).toEqual(await modes(tree));
  });

  it('answers what no HTTP client sends with 4xx, and keeps nothing of it', async () => {
    const daemon = await engine.daemonPid();
    await docker('version');
    await expect.poll(connections, { interval: 500 }).toBe(0);
    const before = await descriptors(daemon);
    const host = 'Host: docker\r\n';
    const next = `GET /smuggled HTTP/1.1\r\n${host}\r\n`;
    const both = `POST /containers/create HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    const hostile: readonly (readonly [string, RegExp])[] = [
      [both + next, /^HTTP\/1\.1 400 /],
      [`GET /_ping HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, /^HTTP\/1\.1 400 /],
      [`GET /_ping HTTP/1.1\r\n${host}Transfer-Encoding : chunked\r\n\r\n`, /^HTTP\/1\.1 400 /],
      [`GET /_ping HTTP/1.1\r\n${host}X: ${'x'.repeat(2_000_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
      [`GET /_ping HTTP/9.9\r\n${host}\r\n`, /^HTTP\/1\.1 (400|505) /],
      ['GET /_ping HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
      [`\x16\x03\x01${'\0'.repeat(40)}\r\n\r\n`, /^HTTP\/1\.1 400 /],
    ];
    for (const [bytes, answer] of hostile) {
      const said = await say(bytes);
      expect(said, bytes.slice(0, 80)).toMatch(answer);
      expect(said.match(/^HTTP\//gm)).toHaveLength(1);
    }
    await expect.poll(connections, { interval: 500 }).toBe(0);
    await expect.poll(() => descriptors(daemon)).toBeLessThanOrEqual(before);
  });

  it(`leaves no socket behind after ${REQUESTS} requests on connections that stay`, async () => {
    const daemon = await engine.daemonPid();
    const before = await descriptors(daemon);
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const ask = () =>
      new Promise<number>((resolve, reject) => {
        request({ socketPath: socketPath(), path: '/_ping', agent }, (answer) => {
          answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
        })
          .once('error', reject)
          .end();
      });
    const answers = await Promise.all(Array.from({ length: REQUESTS }, ask));
    expect(answers.filter((status) => status === 200)).toHaveLength(REQUESTS);
    agent.destroy();
    await expect.poll(connections, { interval: 500 }).toBe(0);
    await expect.poll(() => descriptors(daemon)).toBeLessThanOrEqual(before + 2);
  });

  it('wakes a machine that sleeps once, however many ask at the same time', async () => {
    const events = await followEvents(engine);
    await engine.orlop('sleep');
    const ping = () =>
      new Promise<string>((resolve, reject) => {
        request({ socketPath: socketPath(), path: '/_ping', agent: false }, (answer) => {
          text(answer).then(resolve, reject);
        })
          .once('error', reject)
          .end();
      });
    expect(await Promise.all(Array.from({ length: 12 }, ping))).toEqual(Array(12).fill('OK'));
    await expect
      .poll(() => events.text.match(/"state":\{"kind":"(asleep|running)"/g), { timeout: 20_000 })
      .toEqual(['asleep', 'running'].map((kind) => `"state":{"kind":"${kind}"`));
    events.end();
  });

  it('says which disk is full when containers hear it, and has the room back when it is given', async () => {
    // Only root, which these containers are, may use the last hundredth.
    const fill = 'fallocate -l $(($(stat -f -c %a /) * 4096)) /ballast; exec dd if=/dev/zero of=/rest bs=1M';
    await expect(docker('run', '--name', 'filler', 'busybox', 'sh', '-c', fill)).rejects.toMatchObject({
      stderr: expect.stringContaining('No space left on device'),
    });
    const archive = join(engine.home, 'more.tar');
    await writeFile(archive, '');
    for await (const chunk of randomTar(3_000_000)) await appendFile(archive, chunk);
    await expect(docker('import', archive, 'more')).rejects.toMatchObject({
      stderr: expect.stringContaining('no space left on device'),
    });
    expect(await engine.orlop('status')).toMatch(
      /DISK FULL: .* left .* docker system prune.* orlop config set disk/,
    );
    await docker('rm', 'filler');
    await docker('import', archive, 'more');
    expect(await engine.orlop('status')).not.toContain('DISK FULL');
    await docker('rmi', 'more');
  });
}

/** The daemon's events, as they come. */
async function followEvents(engine: EngineUnderTest): Promise<{ readonly text: string; end(): void }> {
  const asked = request({
    socketPath: join(engine.home, 'daemon', 'api.sock'),
    path: '/v1/events',
    headers: { accept: 'text/event-stream' },
  });
  let heard = '';
  await new Promise<void>((resolve, reject) => {
    asked.once('response', (answer) => {
      answer.on('error', () => {}); // it is ended by whoever reads it
      answer.on('data', (chunk: Buffer) => {
        heard += chunk.toString();
      });
      resolve();
    });
    asked.once('error', reject);
    asked.end();
  });
  return {
    get text() {
      return heard;
    },
    end: () => asked.destroy(),
  };
}
