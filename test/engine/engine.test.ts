import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askTime } from './ask-time.ts';
import {
  EngineUnderTest,
  fetchText,
  freePort,
  hasQemu,
  page,
  program,
  run,
  tryFetch,
} from './engine-under-test.ts';

const engine = new EngineUnderTest();
const { orlop, docker, pipe, status } = engine;

beforeAll(async () => {
  if (!hasQemu) return;
  await engine.prepare({ disk: '4GiB' });
  await orlop('up');
  await engine.load('pkg/busybox', 'pkg/chrony');
});

afterAll(() => engine.stop());

describe.skipIf(!hasQemu)('orlop up (skipped without QEMU)', () => {
  it('shows every stage of the start with its time', async () => {
    const { state } = await status();
    expect(state.kind).toBe('running');
    expect(state.stages.map(({ name, state }: { name: string; state: string }) => [name, state])).toEqual(
      ['image', 'disk', 'network', 'machine', 'kernel', 'docker'].map((name) => [name, 'done']),
    );
    expect(await docker('context', 'inspect', 'orlop')).toContain(
      `${engine.home}/engine/default/docker.sock`,
    );
  });

  it('runs containers, with bytes that go in and out and an end of input', async () => {
    expect(await docker('run', '--rm', 'orlop/busybox', 'echo', 'hello')).toBe('hello\n');
    const input = randomBytes(1_000_000);
    const digest = (await pipe(['run', '--rm', '-i', 'orlop/busybox', 'sha256sum'], input)).toString();
    expect(digest).toContain(createHash('sha256').update(input).digest('hex'));
  });

  it('has opened published ports at the addresses that were asked for when `docker run` returns, and takes them back', async () => {
    const [loopback, anywhere, six] = [await freePort(), await freePort(), await freePort()];
    const published = ['-p', `127.0.0.1:${loopback}:80`, '-p', `${anywhere}:80`, '-p', `[::1]:${six}:80`];
    await docker('run', '-d', '--name', 'web', ...published, 'orlop/busybox', 'sh', '-c', page('hi'));
    expect(await Promise.all([loopback, anywhere].map(isListenedOn))).toEqual([true, true]);
    await expect.poll(() => tryFetch(`http://127.0.0.1:${loopback}/`)).toBe('hi\n');
    expect(await fetchText(`http://127.0.0.1:${anywhere}/`)).toBe('hi\n');
    expect(await fetchText(`http://[::1]:${anywhere}/`)).toBe('hi\n');
    expect(await fetchText(`http://[::1]:${six}/`)).toBe('hi\n');
    expect(await tryFetch(`http://127.0.0.1:${six}/`)).toBe('');
    expect((await status()).ports).toContainEqual(
      expect.objectContaining({
        hostAddress: '127.0.0.1',
        hostPort: loopback,
        container: 'web',
        state: 'open',
      }),
    );
    expect((await docker('logs', 'web')).length).toBeGreaterThanOrEqual(0);
    await docker('rm', '-f', 'web');
    expect(await Promise.all([loopback, anywhere].map(isListenedOn))).toEqual([false, false]);
    expect((await status()).ports).toEqual([]);
  });

  it('does not start a container whose port the host cannot give, and says who has it', async () => {
    const server = createServer();
    await new Promise<void>((settled) => server.listen(0, '127.0.0.1', settled));
    const { port } = server.address() as { port: number };
    const words = ['run', '-d', '-p', `${port}:80`];
    const late = ['--name', 'late', 'orlop/busybox', 'sh', '-c', page('late')];
    await expect(docker(...words, ...late)).rejects.toMatchObject({
      code: 125,
      stderr: expect.stringMatching(
        new RegExp(
          `late: Bind for 0\\.0\\.0\\.0:${port} failed: port is already allocated .*process ${process.pid}`,
        ),
      ),
    });
    await expect(docker(...words, '--rm', '--name', 'gone', 'orlop/busybox')).rejects.toThrow(
      /already allocated/,
    );
    expect(await docker('ps', '-a', '--format', '{{.Names}} {{.State}}')).toBe('late created\n');
    await new Promise((settled) => server.close(settled));
    await docker('start', 'late');
    await expect.poll(() => tryFetch(`http://127.0.0.1:${port}/`)).toBe('late\n');
    await docker('rm', '-f', 'late');
  });

  it('carries UDP to a container', async () => {
    const port = await freePort();
    // A time server that leaves the clock alone.
    const command = ['chronyd', '-d', '-x', '-u', 'root', 'local stratum 8', 'allow all'];
    await docker('run', '-d', '--name', 'udp', '-p', `127.0.0.1:${port}:123/udp`, 'orlop/chrony', ...command);
    const open = async () => (await status()).ports[0]?.state;
    await expect.poll(open).toBe('open');
    expect(await askTime(port)).toBe(4);
    await docker('rm', '-f', 'udp');
  });

  it('keeps containers running when its daemon is killed, joins them again, and opens a port that was taken meanwhile', async () => {
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
    process.kill(await engine.daemonPid(), 'SIGKILL');
    const thief = createServer();
    await expect.poll(() => isListenedOn(port)).toBe(false);
    await new Promise<void>((settled) => thief.listen(port, '127.0.0.1', settled));
    await expect.poll(() => orlop('up', '--quiet').then(() => 'up', String)).toBe('up');
    expect(await docker('inspect', '-f', '{{.State.StartedAt}}', 'keep')).toBe(started);
    const problem = async () => (await status()).ports[0]?.problem ?? '';
    await expect.poll(problem).toContain(`process ${process.pid}`);
    await new Promise((settled) => thief.close(settled));
    await expect.poll(() => tryFetch(`http://127.0.0.1:${port}/`)).toBe('kept\n');
  });

  it('hands a machine with its containers to another daemon', async () => {
    const [{ hostPort }] = (await status()).ports;
    const started = await docker('inspect', '-f', '{{.State.StartedAt}}', 'keep');
    const before = await engine.daemonPid();
    await orlop('daemon', 'restart');
    expect(await engine.daemonPid()).not.toBe(before);
    expect(await docker('inspect', '-f', '{{.State.StartedAt}}', 'keep')).toBe(started);
    await expect.poll(() => tryFetch(`http://127.0.0.1:${hostPort}/`)).toBe('kept\n');
  });

  it('builds a component of a Dockerfile, and the store has it beside its other platforms', async () => {
    const folder = join(engine.home, 'hello');
    await mkdir(join(engine.home, 'shared'));
    await mkdir(folder);
    await writeFile(join(engine.home, 'shared', 'file'), 'shared\n');
    const define = (rest: string) => writeFile(join(folder, 'build.yml'), `image: hello\n${rest}\n`);
    const dockerfile = (run: string) =>
      writeFile(
        join(folder, 'Dockerfile'),
        `FROM orlop/busybox\nARG WORD\nARG PKG_HASH\nCOPY in/file /file\nRUN ${run}\n`,
      );
    await dockerfile('echo $WORD $PKG_HASH >/greeting && ! wget -q -T 1 http://10.9.9.9/');
    const cache = join(engine.home, 'dockerfile-cache');
    const own = { ...engine.env, ORLOP_CACHE: cache };
    const call = async (...words: readonly string[]) =>
      (await run(process.execPath, [program, ...words], { env: own, timeout: 300_000 })).stdout;
    const tag = '--tag=fixed';
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
    const files = join(engine.home, 'hello.tar');
    const words = ['cache', 'export', '--format', 'filesystem', '--platform', 'amd64', '--outfile', files];
    await call(...words, 'orlop/hello');
    expect((await run('tar', ['-xOf', files, 'greeting', 'file'])).stdout).toMatch(
      /^(shared\nhello [0-9a-f]{40}\n|hello [0-9a-f]{40}\nshared\n)$/,
    );
    expect(await docker('images', '-q', 'orlop-build')).toBe('');
    await dockerfile('echo it broke >&2; exit 3');
    await expect(call('pkg', 'build', '--tag=broken', folder)).rejects.toMatchObject({
      stderr: expect.stringMatching(
        /docker build of .*hello failed: .*did not complete successfully: exit code: 3/,
      ),
    });
  });

  it('builds a Dockerfile for two architectures into one index, and clears the cache of that', async () => {
    const folder = join(engine.home, 'say');
    await mkdir(folder);
    await writeFile(join(folder, 'build.yml'), 'image: say\narches: [amd64, arm64]\n');
    await writeFile(
      join(folder, 'Dockerfile'),
      ['FROM scratch', 'ARG TARGETARCH', `COPY say-\${TARGETARCH} /say`, ''].join('\n'),
    );
    for (const arch of ['amd64', 'arm64']) await writeFile(join(folder, `say-${arch}`), `this is ${arch}\n`);
    const own = { ...engine.env, ORLOP_CACHE: join(engine.home, 'say-cache') };
    const call = async (...words: readonly string[]) =>
      (await run(process.execPath, [program, ...words], { env: own, timeout: 300_000 })).stdout;
    await call('pkg', 'build', '--platforms', 'linux/amd64,linux/arm64', folder);
    const { index } = JSON.parse(await call('pkg', 'manifest', folder));
    const platforms = index.manifests.map((one: { platform: { architecture: string } }) => one.platform);
    expect(platforms).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
    const files = join(engine.home, 'say.tar');
    for (const arch of ['amd64', 'arm64']) {
      const words = ['cache', 'export', '--format', 'filesystem', '--platform', arch, '--outfile', files];
      await call(...words, 'orlop/say');
      expect((await run('tar', ['-xOf', files, 'say'])).stdout).toBe(`this is ${arch}\n`);
    }
    expect(await call('pkg', 'builder', 'du')).not.toMatch(/^Total:\s+0B$/m);
    await call('pkg', 'builder', 'prune');
    expect(await call('pkg', 'builder', 'du')).toMatch(/^Total:\s+0B$/m);
  });

  it('sleeps when told to, and a request wakes it', async () => {
    await writeFile(join(engine.home, 'before'), await docker('ps', '-q'));
    await orlop('sleep');
    expect((await status()).state.kind).toBe('asleep');
    expect(await docker('ps', '-q')).toBe(await readFile(join(engine.home, 'before'), 'utf8'));
    expect((await status()).state.kind).toBe('running');
  });

  it('finds a machine that was killed, and has everything back at the next start', async () => {
    const { pid } = await status();
    process.kill(pid, 'SIGKILL');
    const state = async () => (await status()).state;
    await expect.poll(state).toMatchObject({ kind: 'stopped', reason: 'died' });
    await orlop('up', '--quiet');
    expect(await docker('images', '-q', 'orlop/busybox')).not.toBe('');
    await expect.poll(() => docker('ps', '-q', '--filter', 'name=keep')).not.toBe('');
  });
});

function isListenedOn(port: number): Promise<boolean> {
  return new Promise((settled) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      settled(true);
    });
    socket.once('error', () => settled(false));
  });
}
