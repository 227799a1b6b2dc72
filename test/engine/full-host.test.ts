import { createHash } from 'node:crypto';
import { mkdir, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineUnderTest, hasQemu, run } from './engine-under-test.ts';

const MIB = 2 ** 20;
/** Together more than what is left free in any of the cases. */
const PART_MIB = 8;
const PARTS = 31;
const LINE = 'a line of the data';
const isWanted = hasQemu && process.env['ORLOP_LONG'] === '1' && process.getuid?.() === 0;

const engine = new EngineUnderTest();
const { orlop, docker, status } = engine;
const folder = () => join(engine.home, 'engine', 'default');
const ballast = () => join(folder(), 'ballast');
let isMounted = false;

beforeAll(async () => {
  if (!isWanted) return;
  await engine.prepare({ disk: '2GiB' });
  const image = join(engine.home, 'small.img');
  await writeFile(image, '');
  await truncate(image, 420 * MIB);
  await run('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
  await mkdir(folder(), { recursive: true });
  await run('mount', ['-o', 'loop', image, folder()]);
  isMounted = true;
  await orlop('up');
  await engine.load('pkg/busybox');
});

afterAll(async () => {
  if (isMounted) {
    await orlop('down', '--all').catch(() => '');
    await run('umount', [folder()]);
  }
  await engine.stop();
});

/** Leaves this much on the file system of the data disk. */
async function leave(freeBytes: number): Promise<void> {
  await run('sync', ['-f', folder()]); // blocks that were given back are free when the journal is written
  // A machine that starts meanwhile takes of what was counted: written until there is none.
  if (freeBytes === 0)
    return void (await run('dd', ['if=/dev/zero', `of=${ballast()}`, 'bs=1M']).catch(String));
  const { bavail, bsize } = await statfs(folder());
  await run('fallocate', ['-l', String(bavail * bsize - freeBytes), ballast()]);
}

const stateKind = async () => (await status()).state.kind;
const untilStalled = () => expect.poll(stateKind, { timeout: 600_000, interval: 1000 }).toBe('stalled');

/** A container that writes a file of parts, each with its number, and tells its digest. */
const write = (name: string) => {
  const part = `yes "${LINE}" | head -c ${PART_MIB * MIB} >/dev/shm/part`;
  const all = `i=0; while [ $i -lt ${PARTS} ]; do echo $i; cat /dev/shm/part; i=$((i+1)); done`;
  const script = `${part}; (${all}) | dd of=/data bs=1M conv=fsync; sha256sum /data`;
  return docker('run', '-d', '--name', name, 'orlop/busybox', 'sh', '-c', script);
};

function digestOfWritten(): string {
  const hash = createHash('sha256');
  const bytes = PART_MIB * MIB;
  const part = `${LINE}\n`.repeat(Math.ceil(bytes / (LINE.length + 1))).slice(0, bytes);
  for (let at = 0; at < PARTS; at++) hash.update(`${at}\n`).update(part);
  return hash.digest('hex');
}

describe.skipIf(!isWanted)("an engine whose host's disk is full (ORLOP_LONG=1, as root)", () => {
  it('says so, refuses requests, and goes on with every byte when there is room', {
    timeout: 1_800_000,
  }, async () => {
    await leave(130 * MIB);
    await write('fill');
    await untilStalled();
    const { state } = await status();
    expect(state.path).toBe(join(folder(), 'data.img'));
    expect(state.freeBytes).toBeLessThan(MIB);
    expect(await orlop('status')).toContain('STANDS STILL since');
    const refused = { stderr: expect.stringContaining("the host's disk is full") };
    await expect(docker('ps')).rejects.toMatchObject(refused);
    await expect(orlop('wake')).rejects.toMatchObject(refused);
    await expect(orlop('up')).rejects.toMatchObject(refused);
    await expect(orlop('suspend')).rejects.toMatchObject(refused);
    expect(await stateKind()).toBe('stalled');

    await rm(ballast());
    await expect.poll(stateKind, { interval: 1000 }).toBe('running');
    expect(await docker('wait', 'fill')).toBe('0\n');
    expect(await docker('logs', 'fill')).toContain(digestOfWritten());
    await docker('rm', 'fill');
  });

  it('is ended by `orlop down` although it stands still', { timeout: 1_800_000 }, async () => {
    await orlop('disk', 'reclaim');
    await leave(100 * MIB);
    await write('again');
    await untilStalled();
    await orlop('down');
    expect((await status()).state).toMatchObject({
      kind: 'stopped',
      detail: expect.stringContaining("the host's disk was full"),
    });
    await rm(ballast());
    await orlop('up');
    expect(await docker('ps', '-a', '--format', '{{.Names}}')).toBe('again\n');
    await docker('rm', '-f', 'again');
  });

  it.each([
    ['is replaced', () => orlop('daemon', 'restart').catch(String)],
    ['is killed', async () => void process.kill(await engine.daemonPid(), 'SIGKILL')],
  ])(
    'is left as it is when its daemon %s meanwhile, and goes on with every byte when there is room',
    {
      timeout: 1_800_000,
    },
    async (_how, replace) => {
      await orlop('disk', 'reclaim');
      await leave(100 * MIB);
      await write('kept');
      await untilStalled();
      const { pid } = await status();
      const before = await engine.daemonPid();
      await replace();
      await expect(orlop('up')).rejects.toMatchObject({
        stderr: expect.stringContaining("the host's disk is full"),
      });
      expect(await engine.daemonPid()).not.toBe(before);
      expect(await status()).toMatchObject({
        pid,
        state: { kind: 'stalled', path: join(folder(), 'data.img') },
      });
      await expect(docker('ps')).rejects.toMatchObject({
        stderr: expect.stringContaining("the host's disk is full"),
      });
      await rm(ballast());
      await expect.poll(stateKind, { interval: 1000 }).toBe('running');
      expect(await docker('wait', 'kept')).toBe('0\n');
      expect(await docker('logs', 'kept')).toContain(digestOfWritten());
      await expect.poll(async () => (await status()).dockerVersion).toMatch(/^\d+\./);
      expect((await status()).pid).toBe(pid);
      await docker('rm', 'kept');
    },
  );

  it('is not started without room, and a suspended one waits for requests again', {
    timeout: 1_800_000,
  }, async () => {
    await orlop('suspend');
    await leave(10 * MIB);
    const refused = { stderr: expect.stringContaining("the host's disk is full") };
    await expect(docker('ps')).rejects.toMatchObject(refused);
    expect(await stateKind()).toBe('suspended');
    await expect(orlop('up')).rejects.toMatchObject(refused);
    await orlop('down');
    await expect(orlop('up', '--fresh')).rejects.toMatchObject({
      stderr: expect.stringMatching(/the host's disk is full, \d+ bytes free for .*make room for 64 MiB/s),
    });
    await rm(ballast());
    await orlop('up');
    expect(await docker('images', '-q', 'orlop/busybox')).not.toBe('');
  });

  it('says so when its machine stands still during its start, and starts when there is room', {
    timeout: 1_800_000,
  }, async () => {
    await orlop('disk', 'reclaim');
    await orlop('down');
    const starting = orlop('up').then(
      () => 'up',
      (error) => String(error.stderr),
    );
    // From the stage on in which there must be room.
    const stages = async () => JSON.stringify((await status()).state.stages ?? []);
    await expect.poll(stages, { interval: 20 }).toContain('"name":"kernel"');
    await leave(0);
    const said = await starting;
    if (said !== 'up') {
      expect(said).toMatch(
        /the machine stands still during its start: the host's disk is full, \d+ bytes free/,
      );
      expect((await status()).state).toMatchObject({ kind: 'failed', error: { code: 'engine.host-full' } });
    } else await untilStalled();
    await rm(ballast());
    await orlop('up');
    expect(await docker('run', '--rm', 'orlop/busybox', 'echo', 'well')).toBe('well\n');
  });
});
