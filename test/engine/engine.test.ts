import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const checkout = resolve(fileURLToPath(import.meta.url), '../../..');
const program = join(checkout, 'dist', 'orlop.mjs');
const hasDocker = await run('docker', ['--version']).then(
  () => true,
  () => false,
);
const hasQemu = process.arch !== 'x64' || existsSync('/usr/bin/qemu-system-x86_64');

/** A home of its own with the user's store of components, so that nothing is built twice. */
let home = '';
let env: NodeJS.ProcessEnv = {};

beforeAll(async () => {
  if (!hasQemu) return;
  await run(join(checkout, 'orlop'), ['version'], { timeout: 600_000 });
  home = await mkdtemp(join(tmpdir(), 'orlop-engine-'));
  const store =
    process.env['ORLOP_CACHE'] ?? join(process.env['ORLOP_HOME'] ?? join(homedir(), '.orlop'), 'cache');
  env = {
    ...process.env,
    PATH: `${home}/bin:${process.env['PATH'] ?? ''}`,
    ORLOP_HOME: home,
    ORLOP_CACHE: store,
    DOCKER_CONFIG: join(home, 'docker'),
    DOCKER_HOST: `unix://${home}/engine/default/docker.sock`,
  };
  await orlop('config', 'set', 'accelerator', 'tcg');
  await orlop('config', 'set', 'cpus', '1');
  await orlop('config', 'set', 'memory', '1GiB');
  await orlop('config', 'set', 'disk', '4GiB');
  // A host without Docker's client gets Debian's.
  if (!hasDocker) await orlop('client', 'install');
  await orlop('up');
  for (const name of ['busybox', 'chrony']) {
    const archive = join(home, `${name}.tar`);
    await orlop('pkg', 'build', join(checkout, 'pkg', name));
    await orlop('cache', 'export', '--format', 'docker', '--outfile', archive, `orlop/${name}`);
    await docker('load', '-i', archive);
  }
});

afterAll(async () => {
  if (home === '') return;
  await orlop('down', '--all').catch(() => '');
  await rm(home, { recursive: true, force: true });
});

async function orlop(...words: readonly string[]): Promise<string> {
  const options = { env, timeout: 900_000, maxBuffer: 64 << 20 };
  return (await run(process.execPath, [program, ...words], options)).stdout;
}

async function docker(...words: readonly string[]): Promise<string> {
  return (await run('docker', words, { env, timeout: 120_000, maxBuffer: 64 << 20 })).stdout;
}

/** A port of the loopback that nobody has. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((settled) => server.listen(0, '127.0.0.1', settled));
  const address = server.address();
  await new Promise((settled) => server.close(settled));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const fetchText = async (url: string) => (await fetch(url, { headers: { connection: 'close' } })).text();

/** With standard input; the Docker client closes its side when it ends. */
async function pipe(words: readonly string[], input: Uint8Array): Promise<Buffer> {
  const child: ChildProcess = spawn('docker', words, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stdin?.end(input);
  const status = await new Promise((settled) => child.on('close', settled));
  expect(status).toBe(0);
  return Buffer.concat(chunks);
}

const page = (text: string) => `mkdir -p /w; echo ${text} >/w/index.html; exec httpd -f -p 80 -h /w`;

describe.skipIf(!hasQemu)('orlop up (skipped without QEMU)', () => {
  it('shows every stage of the start with its time', async () => {
    const [engine] = JSON.parse(await orlop('status', '--json'));
    expect(engine.state.kind).toBe('running');
    expect(
      engine.state.stages.map(({ name, state }: { name: string; state: string }) => [name, state]),
    ).toEqual(['image', 'disk', 'network', 'machine', 'kernel', 'docker'].map((name) => [name, 'done']));
    expect(await docker('context', 'inspect', 'orlop')).toContain(`${home}/engine/default/docker.sock`);
  });

  it('runs containers, with bytes that go in and out and an end of input', async () => {
    expect(await docker('run', '--rm', 'orlop/busybox', 'echo', 'hello')).toBe('hello\n');
    const input = randomBytes(1_000_000);
    const digest = (await pipe(['run', '--rm', '-i', 'orlop/busybox', 'sha256sum'], input)).toString();
    expect(digest).toContain(createHash('sha256').update(input).digest('hex'));
  });

  it('publishes ports at the addresses that were asked for, and takes them back', async () => {
    const [loopback, anywhere] = [await freePort(), await freePort()];
    const published = ['-p', `127.0.0.1:${loopback}:80`, '-p', `${anywhere}:80`];
    await docker('run', '-d', '--name', 'web', ...published, 'orlop/busybox', 'sh', '-c', page('hi'));
    await expect
      .poll(() => fetchText(`http://127.0.0.1:${loopback}/`).catch(() => ''), { timeout: 10_000 })
      .toBe('hi\n');
    expect(await fetchText(`http://127.0.0.1:${anywhere}/`)).toBe('hi\n');
    const [engine] = JSON.parse(await orlop('status', '--json'));
    expect(engine.ports).toContainEqual(
      expect.objectContaining({
        hostAddress: '127.0.0.1',
        hostPort: loopback,
        container: 'web',
        state: 'open',
      }),
    );
    expect((await docker('logs', 'web')).length).toBeGreaterThanOrEqual(0);
    await docker('rm', '-f', 'web');
    await expect
      .poll(async () => JSON.parse(await orlop('status', '--json'))[0].ports, { timeout: 10_000 })
      .toEqual([]);
  });

  it('tells of a port that is taken, and opens it when it is free', async () => {
    const server = createServer();
    await new Promise<void>((settled) => server.listen(0, '127.0.0.1', settled));
    const { port } = server.address() as { port: number };
    await docker(
      'run',
      '-d',
      '--name',
      'late',
      '-p',
      `127.0.0.1:${port}:80`,
      'orlop/busybox',
      'sh',
      '-c',
      page('late'),
    );
    const problem = async () => JSON.parse(await orlop('status', '--json'))[0].ports[0]?.problem ?? '';
    await expect.poll(problem, { timeout: 10_000 }).toContain(`process ${process.pid}`);
    await new Promise((settled) => server.close(settled));
    await expect
      .poll(() => fetchText(`http://127.0.0.1:${port}/`).catch(() => ''), { timeout: 20_000 })
      .toBe('late\n');
    await docker('rm', '-f', 'late');
  });

  it('carries UDP to a container', async () => {
    const port = await freePort();
    // A time server that leaves the clock alone.
    const command = ['chronyd', '-d', '-x', '-u', 'root', 'local stratum 8', 'allow all'];
    await docker('run', '-d', '--name', 'udp', '-p', `127.0.0.1:${port}:123/udp`, 'orlop/chrony', ...command);
    const open = async () => JSON.parse(await orlop('status', '--json'))[0].ports[0]?.state;
    await expect.poll(open, { timeout: 10_000 }).toBe('open');
    const socket = createSocket('udp4');
    // RFC 5905 §7.3: version 4, mode 3 (client); what answers has mode 4 (server).
    const question = Buffer.alloc(48);
    question[0] = 0x23;
    const ask = () => socket.send(question, port, '127.0.0.1');
    const timer = setInterval(ask, 500);
    try {
      const answer = await new Promise<Buffer>((settled) => {
        socket.once('message', settled);
        ask();
      });
      expect([answer.length, (answer[0] ?? 0) & 7]).toEqual([48, 4]);
    } finally {
      clearInterval(timer);
      socket.close();
    }
    await docker('rm', '-f', 'udp');
  });

  it('keeps containers running when its daemon is killed, and joins them again', async () => {
    const port = await freePort();
    await docker(
      'run',
      '-d',
      '--name',
      'keep',
      '--restart',
      'always',
      '-p',
      `127.0.0.1:${port}:80`,
      'orlop/busybox',
      'sh',
      '-c',
      page('kept'),
    );
    const started = await docker('inspect', '-f', '{{.State.StartedAt}}', 'keep');
    const { pid } = JSON.parse(await readFile(join(home, 'daemon', 'identity.json'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => orlop('up', '--quiet').then(() => 'up', String), { timeout: 60_000 }).toBe('up');
    expect(await docker('inspect', '-f', '{{.State.StartedAt}}', 'keep')).toBe(started);
    await expect
      .poll(() => fetchText(`http://127.0.0.1:${port}/`).catch(() => ''), { timeout: 10_000 })
      .toBe('kept\n');
  });

  it('builds a component of a Dockerfile, and the store has it beside its other platforms', async () => {
    const folder = join(home, 'hello');
    await mkdir(join(home, 'shared'));
    await mkdir(folder);
    await writeFile(join(home, 'shared', 'file'), 'shared\n');
    const define = (rest: string) => writeFile(join(folder, 'build.yml'), `image: hello\n${rest}\n`);
    const dockerfile = (run: string) =>
      writeFile(
        join(folder, 'Dockerfile'),
        `FROM orlop/busybox\nARG WORD\nARG PKG_HASH\nCOPY in/file /file\nRUN ${run}\n`,
      );
    await dockerfile('echo $WORD $PKG_HASH >/greeting && ! wget -q -T 1 http://10.9.9.9/');
    const cache = join(home, 'dockerfile-cache');
    const own = { ...env, ORLOP_CACHE: cache };
    const call = async (...words: readonly string[]) =>
      (await run(process.execPath, [program, ...words], { env: own, timeout: 300_000 })).stdout;
    const tag = '--tag=fixed';
    // The old builder, where buildx is missing, makes nothing for another platform: that one has no Dockerfile.
    await define('debian: { files: [{ path: file, contents: other }] }');
    await call('pkg', 'build', tag, '--arch', 'arm64', folder);
    await define('extra-sources: [../shared:in]\nbuildArgs: [WORD=hello]');
    expect(await call('pkg', 'build', tag, folder)).toMatch(/hello:fixed linux\/amd64 .* built by Docker\n$/);
    expect(await call('pkg', 'build', tag, folder)).toMatch(/unchanged\n$/);
    const [listed] = JSON.parse(await call('cache', 'ls', '--json'));
    expect(listed).toMatchObject({
      name: 'docker.io/orlop/hello:fixed',
      platforms: ['linux/amd64', 'linux/arm64'],
    });
    const files = join(home, 'hello.tar');
    const words = ['cache', 'export', '--format', 'filesystem', '--platform', 'amd64', '--outfile', files];
    await call(...words, 'orlop/hello');
    expect((await run('tar', ['-xOf', files, 'greeting', 'file'])).stdout).toMatch(
      /^(shared\nhello [0-9a-f]{40}\n|hello [0-9a-f]{40}\nshared\n)$/,
    );
    expect(await docker('images', '-q', 'orlop-build')).toBe('');
    await dockerfile('echo it broke >&2; exit 3');
    await expect(call('pkg', 'build', '--tag=broken', folder)).rejects.toMatchObject({
      stderr: expect.stringMatching(/docker build of .*hello failed: .*returned a non-zero code: 3/),
    });
  });

  it('sleeps when told to, and a request wakes it', async () => {
    await writeFile(join(home, 'before'), await docker('ps', '-q'));
    await orlop('sleep');
    expect(JSON.parse(await orlop('status', '--json'))[0].state.kind).toBe('asleep');
    expect(await docker('ps', '-q')).toBe(await readFile(join(home, 'before'), 'utf8'));
    expect(JSON.parse(await orlop('status', '--json'))[0].state.kind).toBe('running');
  });

  it('finds a machine that was killed, and has everything back at the next start', async () => {
    const [{ pid }] = JSON.parse(await orlop('status', '--json'));
    process.kill(pid, 'SIGKILL');
    const state = async () => JSON.parse(await orlop('status', '--json'))[0].state;
    await expect.poll(state, { timeout: 10_000 }).toMatchObject({ kind: 'stopped', reason: 'died' });
    await orlop('up', '--quiet');
    expect(await docker('images', '-q', 'orlop/busybox')).not.toBe('');
    await expect.poll(() => docker('ps', '-q', '--filter', 'name=keep'), { timeout: 30_000 }).not.toBe('');
  });
});
