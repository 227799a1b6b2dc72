import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '@orlop/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { orlopProgram } from '../program.ts';
import { contextIn, orlopIn } from '../testing/command-under-test.ts';

const run = promisify(execFile);
const SYSTEMD_ANALYZE = '/usr/bin/systemd-analyze';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function setup(): Promise<string> {
  const folder = await temporaryFolder();
  closers.push(() => folder.remove());
  return folder.path;
}

describe('orlop autostart', () => {
  it.skipIf(!existsSync(SYSTEMD_ANALYZE))('makes a unit that systemd finds nothing wrong with', async () => {
    const folder = await setup();
    const unit = join(folder, 'orlop-default.service');
    const text = await orlopIn(folder, ['autostart', 'show']);
    await writeFile(unit, text);
    const env = { ...process.env, XDG_RUNTIME_DIR: folder };
    const judged = await run(SYSTEMD_ANALYZE, ['verify', '--user', unit], { env });
    expect(judged).toEqual({ stdout: '', stderr: '' });
    expect(text).toMatch(
      new RegExp(`Environment="ORLOP_HOME=${folder}"\n[^]*ExecStart=.* up --quiet default\n`),
    );
  });

  it('starts the program where a path holds what systemd would fill in', async () => {
    const { execPath, argv } = process;
    const own = argv[1] ?? '';
    closers.push(async () => {
      process.execPath = execPath;
      argv[1] = own;
    });
    process.execPath = '/opt/$HOME/node';
    argv[1] = '/opt/$HOME/50%/orlop.mjs';
    const text = await orlopIn(await setup(), ['autostart', 'show']);
    expect(text).toMatch(
      /^ExecStart="\/opt\/\$HOME\/node" .*"\/opt\/\$\$HOME\/50%%\/orlop\.mjs" up --quiet default$/m,
    );
  });

  it('leaves the engines of other units alone when its own is stopped', async () => {
    const text = await orlopIn(await setup(), ['autostart', 'show', 'work']);
    expect(text).toMatch(/^ExecStop=.* down work$/m);
    expect(text).toMatch(/^KillMode=process$/m);
  });

  it('writes the unit below the home when XDG_CONFIG_HOME is empty or no absolute path', async () => {
    const folder = await setup();
    const path = join(folder, '.config', 'systemd', 'user', 'orlop-x.service');
    for (const config of ['', 'relative']) {
      const plain = contextIn(folder);
      const env = { ...plain.env, HOME: folder, XDG_CONFIG_HOME: config };
      await orlopProgram({ ...plain, env }).parseAsync(['autostart', 'enable', 'x'], { from: 'user' });
      await access(path);
      await orlopProgram({ ...plain, env }).parseAsync(['autostart', 'disable', 'x'], { from: 'user' });
      await expect(access(path)).rejects.toMatchObject({ code: 'ENOENT' });
    }
  });

  it.each(['enable', 'disable', 'show'])('has no unit for what is no name of an engine: %s', async (word) => {
    const folder = await setup();
    for (const name of ['../evil', 'two words', '']) {
      await expect(orlopIn(folder, ['autostart', word, name])).rejects.toMatchObject({
        code: 'engine.bad-name',
      });
    }
  });
});
