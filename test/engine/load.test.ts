import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineUnderTest, freePort, hasQemu, page, tryFetch } from './engine-under-test.ts';
import { countAll } from './machine-counts.ts';

const isWanted = hasQemu && process.env['ORLOP_LONG'] === '1';
const CONTAINERS = 200;
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
      const started: { readonly name: string; readonly port: number }[] = [];
      for (let at = 0; at < count; at++) started.push({ name: `many${at}`, port: await freePort() });
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
        expect.poll(() => tryFetch(`http://127.0.0.1:${port}/`), { timeout: 60_000 }).toBe(`${name}\n`),
      );
      const during = await countAll(engine, 'orlop/busybox');
      await docker('rm', '-f', ...started.map(({ name }) => name));
      return during;
    };
    await many(8);
    const before = await countAll(engine, 'orlop/busybox');
    const startedMs = performance.now();
    const during = await many(CONTAINERS);
    const tookMs = performance.now() - startedMs;
    const after = await countAll(engine, 'orlop/busybox');
    const show = () => console.log(JSON.stringify({ tookMs, before, during, after }));
    show();
    expect(await docker('ps', '-aq')).toBe('');
    expect((await status()).ports).toEqual([]);
  });
});
