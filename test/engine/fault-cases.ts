import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, it } from 'vitest';
import { type EngineUnderTest, endOf, freePort, page, tryFetch } from './engine-under-test.ts';
import { randomTar } from './random-tar.ts';

const LONG = process.env['ORLOP_LONG'] === '1';
/** In the gate a part of what `ORLOP_LONG=1` asks for. */
const IMAGE_BYTES = LONG ? 2_000_000_000 : 60_000_000;

/** What must hold when much is asked, and when something is killed in the middle of it. */
export function faultCases(engine: EngineUnderTest): void {
  const docker = (...words: readonly string[]) => engine.docker(...words);

  it(`carries an image of ${IMAGE_BYTES / 1e6} MB out and in by its digest`, {
    timeout: 7_200_000,
  }, async () => {
    const sent = createHash('sha256');
    const imported = engine.spawn('import', '-', 'large');
    imported.stderr.resume();
    imported.stdout.resume();
    await pipeline(
      Readable.from(randomTar(IMAGE_BYTES, { see: (chunk) => sent.update(chunk) })),
      imported.stdin,
    );
    expect(await endOf(imported)).toBe(0);
    const identity = async () =>
      (await docker('image', 'inspect', '-f', '{{.Id}} {{index .RootFS.Layers 0}}', 'large'))
        .trim()
        .split(' ');
    const [id, layer] = await identity();
    expect(layer).toBe(`sha256:${sent.digest('hex')}`);
    const archive = join(engine.home, 'large.tar');
    const saved = engine.spawn('save', 'large');
    saved.stderr.resume();
    await pipeline(saved.stdout, createWriteStream(archive));
    await docker('rmi', 'large');
    expect((await stat(archive)).size).toBeGreaterThan(IMAGE_BYTES);
    const loaded = engine.spawn('load');
    loaded.stdout.resume();
    loaded.stderr.resume();
    await pipeline(createReadStream(archive), loaded.stdin);
    expect(await endOf(loaded)).toBe(0);
    // dockerd itself compares each layer with the digest in the image's configuration.
    expect(await identity()).toEqual([id, layer]);
    await docker('rmi', 'large');
    await rm(archive);
  });

  it('has containers back whose policy says so when dockerd or containerd is killed', async () => {
    const port = await freePort();
    const words = ['-p', `127.0.0.1:${port}:80`, 'busybox', 'sh', '-c', page('back')];
    await docker('run', '-d', '--name', 'always', '--restart', 'always', ...words);
    await docker(
      'run',
      '-d',
      '--name',
      'stopped',
      '--restart',
      'unless-stopped',
      'busybox',
      'sleep',
      '10000',
    );
    await docker('stop', '-t', '0', 'stopped');
    await docker('run', '-d', '--name', 'never', 'busybox', 'sleep', '10000');
    for (const program of ['dockerd', 'containerd']) {
      await engine.killInMachine(program);
      await engine.untilAnswers();
      const filters = ['always', 'stopped', 'never'].flatMap((name) => ['--filter', `name=${name}`]);
      const running = () => docker('ps', '--format', '{{.Names}}', ...filters).catch(String);
      await expect.poll(running).toBe('always\n');
      await expect.poll(() => tryFetch(`http://127.0.0.1:${port}/`)).toBe('back\n');
    }
    await docker('rm', '-f', 'always', 'stopped', 'never');
  });

  it('loads an image whole or not at all when its daemon or dockerd is killed meanwhile', async () => {
    const kills = [
      async () => void process.kill(await engine.daemonPid(), 'SIGKILL'),
      async () => engine.killInMachine('dockerd'),
    ];
    for (const kill of kills) {
      const child = await startHalfALoad(engine);
      const end = endOf(child);
      await kill();
      child.stdin.destroy();
      expect(await end).not.toBe(0);
      await engine.orlop('up', '--quiet');
      await engine.untilAnswers();
      expect(await docker('images', '-q', 'half')).toBe('');
    }
    expect(await docker('run', '--rm', 'busybox', 'echo', 'well')).toBe('well\n');
  });
}

/** A `docker load` that has sent some megabytes of an archive and waits to send the rest. */
async function startHalfALoad(engine: EngineUnderTest) {
  const child = engine.spawn('import', '-', 'half');
  child.stdin.on('error', () => {});
  child.stderr.resume();
  child.stdout.resume();
  for await (const chunk of randomTar(20_000_000, { untilBytes: 12_000_000 })) {
    if (!child.stdin.write(chunk)) await new Promise((settled) => child.stdin.once('drain', settled));
  }
  return child;
}
