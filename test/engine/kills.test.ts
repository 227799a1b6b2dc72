import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  collect,
  EngineUnderTest,
  endOf,
  freePort,
  hasQemu,
  page,
  run,
  tryFetch,
} from './engine-under-test.ts';
import { randomTar } from './random-tar.ts';

const isWanted = hasQemu && process.env['ORLOP_LONG'] === '1';
const IMAGE_BYTES = 60_000_000;
const BUSYBOX = 'orlop/busybox';

const engine = new EngineUnderTest();
const { orlop, docker, status } = engine;
const archive = () => join(engine.home, 'image.tar');
const dataDisk = () => join(engine.home, 'engine', 'default', 'data.img');
/** Of the file within the image, and of what the volume was given. */
let contentDigest = '';
let volumeDigest = '';
let imageId = '';

beforeAll(async () => {
  if (!isWanted) return;
  await engine.prepare({ disk: '4GiB' });
  await orlop('up');
  await engine.load('pkg/busybox');
  await keepThings();
});

afterAll(() => engine.stop());

/** An image in an archive that dockerd does not have, a volume, and a container that comes back by itself. */
async function keepThings(): Promise<void> {
  const hash = createHash('sha256');
  let headSeen = false;
  let left = IMAGE_BYTES;
  const see = (chunk: Uint8Array) => {
    if (headSeen) hash.update(chunk.subarray(0, left));
    if (headSeen) left -= Math.min(left, chunk.length);
    headSeen = true;
  };
  const imported = engine.spawn('import', '-', 'half');
  imported.stdout.resume();
  imported.stderr.resume();
  await pipeline(Readable.from(randomTar(IMAGE_BYTES, { see })), imported.stdin);
  expect(await endOf(imported)).toBe(0);
  contentDigest = hash.digest('hex');
  imageId = (await docker('image', 'inspect', '-f', '{{.Id}}', 'half')).trim();
  const saved = engine.spawn('save', 'half');
  saved.stderr.resume();
  await pipeline(saved.stdout, createWriteStream(archive()));
  await docker('rmi', 'half');
  const fill = 'dd if=/dev/urandom of=/v/data bs=1M count=20 2>/dev/null; sync; sha256sum </v/data';
  volumeDigest = await docker('run', '--rm', '-v', 'kept:/v', BUSYBOX, 'sh', '-c', fill);
  await docker('run', '-d', '--name', 'keeper', '--restart', 'always', BUSYBOX, 'sleep', '100000');
}

/** Who is killed, and what the user does then. */
const victims = {
  dockerd: {
    kill: () => engine.killInMachine('dockerd'),
    mend: async () => {},
  },
  QEMU: {
    kill: async () => void process.kill((await status()).pid, 'SIGKILL'),
    mend: () => orlop('up', '--quiet'),
  },
  "the machine's kernel": {
    kill: async () => {
      // Nobody answers to that any more.
      orlop('ssh', 'default', '--', 'echo c >/proc/sysrq-trigger').catch(() => '');
      await expect
        .poll(async () => (await status()).state, { interval: 500 })
        .toMatchObject({
          kind: 'stopped',
          reason: 'died',
          detail: 'its kernel gave up: sysrq triggered crash',
        });
    },
    mend: () => orlop('up', '--quiet'),
  },
  'the daemon': {
    kill: async () => void process.kill(await engine.daemonPid(), 'SIGKILL'),
    mend: () => orlop('up', '--quiet'),
  },
};

/** What holds after each of them. */
async function expectNothingLost(): Promise<void> {
  const keeper = () => docker('ps', '--format', '{{.Names}}', '--filter', 'name=keeper').catch(String);
  await expect.poll(keeper, { timeout: 240_000, interval: 500 }).toBe('keeper\n');
  const digest = ['run', '--rm', '-v', 'kept:/v:ro', BUSYBOX, 'sh', '-c', 'sha256sum </v/data'];
  expect(await docker(...digest)).toBe(volumeDigest);
  expect(await docker('images', '--format', '{{.Repository}}')).toBe(`${BUSYBOX}\n`);
}

describe.skipIf(!isWanted)('an engine of which a part is killed (ORLOP_LONG=1)', () => {
  describe.each(Object.entries(victims))('%s', (_name, { kill, mend }) => {
    it('in the middle of `docker load`: the image is not there, and is loaded whole the next time', {
      timeout: 1_800_000,
    }, async () => {
      const child = engine.spawn('load');
      const said = collect(child.stdout);
      child.stdin.on('error', () => {});
      child.stderr.resume();
      for await (const chunk of createReadStream(archive(), { end: IMAGE_BYTES / 2 })) {
        if (!child.stdin.write(chunk)) await new Promise((settled) => child.stdin.once('drain', settled));
      }
      const ended = endOf(child);
      await kill();
      child.stdin.destroy();
      expect([await ended, said.text]).not.toContain(0);
      expect(said.text).not.toContain('Loaded image');
      await mend();
      await engine.untilAnswers();
      await expectNothingLost();
      await docker('load', '-q', '-i', archive());
      expect((await docker('image', 'inspect', '-f', '{{.Id}}', 'half')).trim()).toBe(imageId);
      await docker('create', '--name', 'of-half', 'half', 'none');
      const copied = engine.spawn('cp', 'of-half:/content', '-');
      copied.stderr.resume();
      const hash = createHash('sha256');
      let skip = 512; // cp gives a tar archive
      let left = IMAGE_BYTES;
      for await (const chunk of copied.stdout as AsyncIterable<Buffer>) {
        const body = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - body.length;
        hash.update(body.subarray(0, left));
        left -= Math.min(left, body.length);
      }
      expect(hash.digest('hex')).toBe(contentDigest);
      await docker('rm', 'of-half');
      await docker('rmi', 'half');
    });

    it('in the middle of `docker run`: its name and port can be had again, and nothing else has changed', {
      timeout: 1_800_000,
    }, async () => {
      const port = await freePort();
      const words = ['--name', 'middle', '-p', `127.0.0.1:${port}:80`, BUSYBOX, 'sh', '-c', page('there')];
      const events = engine.spawn(
        'events',
        '--filter',
        'event=create',
        '--format',
        '{{.Actor.Attributes.name}}',
      );
      const created = collect(events.stdout);
      events.stderr.resume();
      const child = engine.spawn('run', ...words);
      child.stdout.resume();
      child.stderr.resume();
      await expect.poll(() => created.text, { interval: 5 }).toContain('middle\n');
      await kill();
      expect(await endOf(child)).not.toBe(0);
      events.kill();
      await endOf(events);
      await mend();
      await engine.untilAnswers();
      await docker('rm', '-f', 'middle');
      await expectNothingLost();
      await docker('run', '-d', ...words);
      await expect.poll(() => tryFetch(`http://127.0.0.1:${port}/`)).toBe('there\n');
      await docker('rm', '-f', 'middle');
      expect((await status()).ports).toEqual([]);
    });
  });

  it('has containers back after a restart of the machine as their policies say, with volume, network and port', {
    timeout: 1_800_000,
  }, async () => {
    const port = await freePort();
    await docker('network', 'create', 'inner');
    const policies = ['always', 'unless-stopped', 'on-failure', 'no'];
    for (const policy of policies)
      await docker('run', '-d', '--name', policy, `--restart=${policy}`, BUSYBOX, 'sleep', '100000');
    await docker('run', '-d', '--name', 'halted', '--restart=unless-stopped', BUSYBOX, 'sleep', '100000');
    await docker('stop', '-t', '0', 'halted');
    const serve = ['sh', '-c', 'exec httpd -f -p 80 -h /v'];
    const places = ['--network=inner', '-v', 'kept:/v', '-p', `127.0.0.1:${port}:80`];
    await docker('run', '-d', '--name', 'web', '--restart=always', ...places, BUSYBOX, ...serve);
    await docker('exec', 'web', 'sh', '-c', 'echo kept >/v/index.html');
    // Their ports are Docker's choice, which it makes anew at each start.
    const chosen = ['-v', 'kept:/v', '--restart=always', '-p', '127.0.0.1::80', '-p', '[::1]::80'];
    await docker('run', '-d', '--name', 'chosen', ...chosen, BUSYBOX, ...serve);
    await orlop('restart', '--quiet');
    const running = async () =>
      (await docker('ps', '--format', '{{.Names}}').catch(String)).trim().split('\n').sort();
    // They are killed when the machine goes down, which is a failure to dockerd.
    const back = ['always', 'chosen', 'keeper', 'on-failure', 'unless-stopped', 'web'];
    await expect.poll(running, { timeout: 240_000, interval: 500 }).toEqual(back);
    await expect.poll(() => tryFetch(`http://127.0.0.1:${port}/`)).toBe('kept\n');
    const port4 = (await docker('port', 'chosen', '80')).trim();
    await expect.poll(() => tryFetch(`http://${port4}/`)).toBe('kept\n');
    const six = ({ container, hostAddress }: { readonly [name in 'container' | 'hostAddress']: string }) =>
      container === 'chosen' && hostAddress === '::1';
    const port6 = (await status()).ports.find(six)?.hostPort;
    expect(await tryFetch(`http://[::1]:${port6}/`)).toBe('kept\n');
    const byName = ['run', '--rm', '--network=inner', BUSYBOX, 'wget', '-q', '-O', '-', 'http://web/'];
    expect(await docker(...byName)).toBe('kept\n');
    await docker('rm', '-f', ...policies, 'halted', 'web', 'chosen');
    await docker('network', 'rm', 'inner');
  });

  it('says that its machine does not answer while QEMU is stopped, and goes on with the right time', {
    timeout: 600_000,
  }, async () => {
    const { pid } = await status();
    const silentSince = async () => (await status()).state.silentSince;
    process.kill(pid, 'SIGSTOP');
    try {
      await expect.poll(silentSince, { timeout: 120_000, interval: 1000 }).toMatch(/^20/);
      expect(await orlop('status')).toContain('DOES NOT ANSWER since');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await expect.poll(silentSince, { timeout: 120_000, interval: 1000 }).toBe(undefined);
    const offset = async () =>
      Math.abs(Date.now() / 1000 - Number(await orlop('ssh', 'default', '--', 'date +%s')));
    await expect.poll(offset, { interval: 500 }).toBeLessThan(3);
    expect(await docker('run', '--rm', BUSYBOX, 'echo', 'on')).toBe('on\n');
    expect((await status()).pid).toBe(pid);
  });

  it("fails at once with dockerd's words when it refuses its settings, and starts without them", {
    timeout: 600_000,
  }, async () => {
    await orlop('config', 'set', 'docker.daemon', '{"nosuch": 1}');
    await expect(orlop('restart', '--quiet')).rejects.toThrow(
      /unable to configure the Docker daemon.*: nosuch/,
    );
    expect((await status()).state.kind).toBe('failed');
    await orlop('config', 'unset', 'docker.daemon');
    await orlop('up', '--quiet');
    await expectNothingLost();
  });

  it('leaves a data disk that e2fsck finds nothing wrong with', async () => {
    process.kill((await status()).pid, 'SIGKILL');
    await expect.poll(async () => (await status()).state.kind, { interval: 500 }).toBe('stopped');
    // Replaying the journal is what the next start does; whatever is wrong after that is damage (status 4).
    await run('e2fsck', ['-p', dataDisk()]).catch((error) => expect(error.code).toBe(1));
    await run('e2fsck', ['-f', '-n', dataDisk()]);
    await orlop('up', '--quiet');
    await expectNothingLost();
  });
});
