import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { EngineUnderTest } from './engine-under-test.ts';

const FILES = process.env['ORLOP_LONG'] === '1' ? 5000 : 300;

/** A folder of the host and its copy in the machine, while containers work in it, and what holds after a kill. */
export function syncCases(engine: EngineUnderTest): void {
  const docker = (...words: readonly string[]) => engine.docker(...words);
  const sync = async (...words: readonly string[]) =>
    JSON.parse(await engine.orlop('sync', ...words, '--json'));
  const folder = () => join(engine.home, 'project');
  const inside = (script: string) => docker('exec', 'synced', 'sh', '-ec', script);
  const onHost = (path: string) => readFile(join(folder(), path), 'utf8').catch(() => undefined);

  it(`has ${FILES} small files of the host in a container, from its own disk`, async () => {
    for (let index = 0; index < FILES; index++) {
      const path = join(folder(), `d${index % 50}`);
      if (index < 50) await mkdir(path, { recursive: true });
      await writeFile(join(path, `f${index}`), `${index}\n`);
    }
    await writeFile(join(folder(), '.orlopignore'), '*.log\n');
    const made = await sync('create', folder(), '--exclude', 'node_modules');
    expect(made).toMatchObject({ state: 'watching', hostEntries: FILES + 51, problems: [] });
    await docker('run', '-d', '--name', 'synced', '-v', `${folder()}:/s`, 'busybox', 'sleep', '100000');
    const [count, mounted] = (await inside('find /s -type f | wc -l; grep " /s " /proc/mounts')).split('\n');
    expect(count).toBe(String(FILES + 1));
    expect(mounted).toContain('ext4');
    expect(await inside('cat /s/d7/f57')).toBe('57\n');
  });

  it('carries edits, removals, renames and what is excluded as it should, both ways, within moments', async () => {
    await inside(
      'echo inside >/s/new; rm /s/d1/f1; mv /s/d2 /s/moved; mkdir /s/node_modules; echo x >/s/node_modules/x; echo x >/s/a.log',
    );
    await expect.poll(() => onHost('new')).toBe('inside\n');
    await expect.poll(() => onHost('d1/f1')).toBeUndefined();
    await expect.poll(() => onHost('moved/f52')).toBe('52\n');
    await expect.poll(() => onHost('d2/f52')).toBeUndefined();
    await writeFile(join(folder(), 'd3/f3'), 'edited\n');
    await rm(join(folder(), 'd3/f53'));
    await rename(join(folder(), 'd4'), join(folder(), 'd4-new'));
    const look = 'cat /s/d3/f3; [ -e /s/d3/f53 ] || echo gone; [ -e /s/d4 ] || echo moved; cat /s/d4-new/f54';
    await expect.poll(() => inside(look)).toBe('edited\ngone\nmoved\n54\n');
    await sync('flush', folder());
    expect([await onHost('node_modules/x'), await onHost('a.log')]).toEqual([undefined, undefined]);
  });

  it('loses neither version when both sides have changed a file while it was paused, and lists the one set aside', async () => {
    await sync('pause', folder());
    await expect.poll(async () => (await sync('ls'))[0].state).toBe('paused');
    await inside('echo machine >/s/d5/f5');
    await writeFile(join(folder(), 'd5/f5'), 'host\n');
    await sync('resume', folder());
    await sync('flush', folder());
    const [aside, ...others] = await sync('conflicts', folder());
    expect(others).toEqual([]);
    expect(aside).toMatch(/^d5\/f5\.conflict-machine-\d{8}-\d{6}$/);
    expect([await onHost('d5/f5'), await onHost(aside)]).toEqual(['host\n', 'machine\n']);
    expect(await inside(`cat /s/d5/f5 /s/${aside}`)).toBe('host\nmachine\n');
  });

  it('writes nothing outside of the folder for a container that puts links in its way', async () => {
    await writeFile(join(engine.home, 'victim'), 'kept\n');
    await inside('rm -rf /s/d6; ln -s ../.. /s/d6; ln -s /etc /s/etc; echo evil >/s/d6x; mv /s/d6x /s/d7/x');
    await expect.poll(() => onHost('d7/x')).toBe('evil\n');
    await sync('flush', folder());
    expect(await onHost('../victim')).toBe('kept\n');
    // The machine's own side follows them no more than the host's: there they lead nowhere.
    await rm(join(folder(), 'd6'));
    await mkdir(join(folder(), 'd6'));
    await writeFile(join(folder(), 'd6/back'), 'back\n');
    await sync('flush', folder());
    expect(await inside('cat /s/d6/back')).toBe('back\n');
    expect((await stat(join(engine.home, 'victim'))).isFile()).toBe(true);
  });

  it('goes on where it was when the daemon is killed in the middle', async () => {
    await mkdir(join(folder(), 'more'));
    for (let index = 0; index < 300; index++) await writeFile(join(folder(), `more/${index}`), `${index}`);
    process.kill(await engine.daemonPid(), 'SIGKILL');
    await inside('true').catch(() => ''); // nobody listens any more
    await writeFile(join(folder(), 'while-dead'), 'x');
    await engine.orlop('status');
    await expect.poll(async () => (await engine.status()).state.kind, { timeout: 120_000 }).toBe('running');
    await sync('flush', folder());
    expect(await inside('ls /s/more | wc -l; cat /s/more/299 /s/while-dead')).toBe('300\n299x');
    expect((await sync('conflicts', folder())).length).toBe(1);
  });

  it('removes the copy and leaves the folder', async () => {
    await docker('rm', '-f', 'synced');
    await engine.orlop('sync', 'rm', folder());
    expect(await sync('ls')).toEqual([]);
    expect(await onHost('new')).toBe('inside\n');
    const denied = await docker('run', '--rm', '-v', `${folder()}:/s`, 'busybox', 'true').catch(String);
    expect(denied).toContain('is not shared');
  });
}
