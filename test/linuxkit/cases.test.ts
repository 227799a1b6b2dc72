import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../harness/free-port.ts';
import { Workshop } from '../harness/orlop.ts';

const run = promisify(execFile);
const checkout = resolve(fileURLToPath(import.meta.url), '../../..');
const cases = join(checkout, 'test', 'linuxkit', 'cases');
const names = ['boot', 'formats', 'input-tar', 'volumes'];

/** Scripts in the manner of LinuxKit's own test cases: they know a program `linuxkit`, and nothing of Orlop. */
describe('scripts for LinuxKit run unchanged', () => {
  let workshop: Workshop;
  let folder: string;

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.buildComponents([
      ...['kernel', 'init', 'crun', 'busybox', 'poweroff', 'redis', 'nginx'],
      ...['boot-efi', 'boot-initrd'],
    ]);
    folder = await mkdtemp(join(tmpdir(), 'orlop-linuxkit-'));
    await mkdir(join(folder, 'bin'));
    await symlink(join(checkout, 'orlop'), join(folder, 'bin', 'linuxkit'));
  });
  afterAll(async () => {
    await workshop.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('every case has its script here', async () => {
    expect((await readdir(cases)).sort()).toEqual(names);
  });

  test.each(names)('%s', async (name) => {
    const cwd = join(folder, name);
    await cp(join(cases, name), cwd, { recursive: true });
    const { stdout } = await run('sh', ['-c', 'sh test.sh && echo "exit status $?"'], {
      cwd,
      env: {
        ...process.env,
        PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}`,
        PORT: String(await freePort()),
        ORLOP_SUBSTITUTIONS: join(checkout, 'examples', 'substitutions.yml'),
      },
    });
    expect(stdout).toContain('exit status 0');
    expect((await readdir(cwd)).sort()).toEqual((await readdir(join(cases, name))).sort());
  });
});
