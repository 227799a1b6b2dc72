import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../harness/free-port.ts';
import { EngineUnderTest, hasQemu, page, tryFetch } from './engine-under-test.ts';
import { type Counts, countAll } from './machine-counts.ts';

const isWanted = hasQemu && process.env['ORLOP_LONG'] === '1';
/** As many as were promised; fewer where the host has other work. */
const CONTAINERS = Number(process.env['ORLOP_CONTAINERS'] ?? 200);
const AT_ONCE = 2;

const engine = new EngineUnderTest();
const { docker, orlop, status } = engine;

beforeAll(async () => {
  if (!isWanted) return;
  await engine.prepare({ memory: '3GiB', disk: '8GiB' });
  await orlop('up');
  await engine.load('pkg/busybox');
});

afterAll(() => engine.stop());

/** What may be more after than before, by how much; what is not named here is no leftover. */
const ALLOWED: Readonly<Record<string, number>> = {
  ...{
    veths: 0,
    shims: 0,
    tasks: 0,
    containers: 0,
    netns: 0,
    overlays: 0,
    mounts: 0,
    cgroups: 0,
    forwards: 0,
  },
  ...{ 'qemu-fds': 0, 'daemon-fds': 2, 'dockerd-fds': 3, 'containerd-fds': 3, files: 3, goroutines: 8 },
  // Heaps that Go gives back late (60 containers: 61 and 23 MB at first), and what Node keeps for the next time.
  ...{
    'dockerd-kib': 60_000 + 300 * CONTAINERS,
    'containerd-kib': 40_000 + 100 * CONTAINERS,
    'daemon-kib': 80_000,
  },
};

function leftovers(before: Counts, after: Counts): Record<string, string> {
  const was = { ...before.host, ...before.machine };
  const is = { ...after.host, ...after.machine };
  const found: Record<string, string> = {};
  for (const [name, allowed] of Object.entries(ALLOWED)) {
    const [from, to] = [was[name], is[name]];
    if (from === undefined || to === undefined) found[name] = 'was not counted';
    else if (to > from + allowed) found[name] = `${from} → ${to}`;
  }
  return found;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

describe.skipIf(!isWanted)('an engine under load (ORLOP_LONG=1)', () => {
  it(`runs ${CONTAINERS} containers with a published port each, and nothing of them stays when they are removed`, {
    timeout: 3_600_000,
  }, async () => {
    const many = async (count: number) => {
      const started = (await freePorts(count)).map((port, at) => ({ name: `many${at}`, port }));
      await inParallel(started, ({ name, port }) =>
        docker(
          'run',
          '-d',
          '--name',
          name,
          '-p',
          `127.0.0.1:${port}:80`,
          'orlop/busybox',
          'sh',
          '-c',
          page(name),
        ),
      );
      await inParallel(started, ({ name, port }) =>
        expect.poll(() => tryFetch(`http://127.0.0.1:${port}/`)).toBe(`${name}\n`),
      );
      const during = await countAll(engine, 'orlop/busybox');
      await inParallel(started, ({ name }) => docker('rm', '-f', name));
      return during;
    };
    await many(8);
    const before = await countAll(engine, 'orlop/busybox');
    const startedMs = performance.now();
    const during = await many(CONTAINERS);
    const tookMs = performance.now() - startedMs;
    const left = async () => {
      const after = await countAll(engine, 'orlop/busybox');
      return { after, leftovers: leftovers(before, after) };
    };
    try {
      await expect
        .poll(async () => (await left()).leftovers, { timeout: 300_000, interval: 5000 })
        .toEqual({});
    } catch (error) {
      console.log(
        await orlop('ssh', 'default', 'find /sys/fs/cgroup -type d; cat /proc/*/cgroup | sort | uniq -c'),
      );
      throw error;
    }
    const { after } = await left();
    console.log(JSON.stringify({ tookMs: Math.round(tookMs), before, during, after }));
    expect(await docker('ps', '-aq')).toBe('');
    expect((await status()).ports).toEqual([]);
  });
});
