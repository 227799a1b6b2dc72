import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contextIn, orlopIn } from '../testing/command-under-test.ts';
import { examineHost, type HostPlaces } from './doctor-checks.ts';
import type { Finding } from './doctor-finding.ts';

const LIMITS = 'Max open files            1024                 20000                files     \n';
const ARCHITECTURE = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string] ?? 'x86_64';
const OWN_QEMU = `qemu-system-${ARCHITECTURE}`;

let folder: TemporaryFolder;
let bin: string;
beforeEach(async () => {
  folder = await temporaryFolder('doctor');
  bin = join(folder.path, 'bin');
  await mkdir(bin);
});
afterEach(() => folder.remove());

/** A program in the search path. */
async function program(name: string, script: string): Promise<void> {
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, name), 0o755);
}

/** What is said of a host where nothing is but what the test has put there. */
async function examine({
  home = join(folder.path, 'home'),
  ...places
}: HostPlaces & { readonly home?: string } = {}): Promise<(name: string) => Finding | undefined> {
  const plain = contextIn(folder.path);
  const context = { ...plain, env: { ...plain.env, PATH: bin }, paths: { ...plain.paths, home } };
  const nowhere = { firmwareFolders: [folder.path], virtiofsdPaths: ['virtiofsd'] };
  const findings = await examineHost(context, { refresh: false, ...nowhere, ...places });
  return (name) => findings.find((finding) => finding.name === name);
}

describe('examineHost', () => {
  it.each([
    [OWN_QEMU, 'fail', /qemu-system-/],
    ['apt-get', 'fail', /apt-get install apt$/],
    ['dpkg-deb', 'fail', /apt-get install dpkg$/],
    ['xz', 'fail', /apt-get install xz-utils$/],
    ['apt sources', 'fail', /apt-get install apt$/],
    ['qemu-img', 'note', /apt-get install qemu-utils$/],
    ['zstd', 'note', /apt-get install zstd$/],
    ['virtiofsd', 'note', /qemu-system-common/],
    ['qemu-system-riscv64', 'note', /apt-get install qemu-system-misc$/],
    ['uefi firmware arm64', 'note', /apt-get install qemu-efi-aarch64/],
    ['accelerator', 'note', /./],
  ] as const)('says of a host without %s: %s, and what to install', async (name, status, hint) => {
    expect((await examine())(name)).toMatchObject({ status, hint: expect.stringMatching(hint) });
  });

  it('takes no folder for a program', async () => {
    await mkdir(join(bin, 'xz'));
    expect((await examine())('xz')).toMatchObject({ status: 'fail' });
  });

  it('says of a QEMU that does not run how to see why', async () => {
    await program(OWN_QEMU, 'echo "error while loading shared libraries" >&2; exit 127');
    expect((await examine())(OWN_QEMU)).toMatchObject({
      status: 'fail',
      detail: `${join(bin, OWN_QEMU)} does not run`,
      hint: `try it: ${join(bin, OWN_QEMU)} --version`,
    });
  });

  it('tells an apt without sources from one that fails', async () => {
    await program('apt-get', 'exit 0');
    expect((await examine())('apt sources')).toMatchObject({
      status: 'fail',
      detail: 'none is configured',
      hint: expect.stringContaining('/etc/apt/sources.list.d'),
    });
    await program('apt-get', 'echo "E: Malformed entry 1 in list file" >&2; exit 100');
    expect((await examine())('apt sources')).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('status 100: E: Malformed entry 1 in list file'),
      hint: expect.stringContaining('apt-get update'),
    });
  });

  it('says that a home cannot be written to, and what to set', async () => {
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    const home = join(file, 'home');
    expect((await examine({ home }))('disk space')).toEqual({
      name: 'disk space',
      status: 'fail',
      detail: `this user cannot write to ${home}`,
      hint: 'set ORLOP_HOME to a folder of yours',
    });
    // Node's recursive mkdir does not come back from there.
    const findings = await examine({ home: '/proc/x' });
    expect(findings('disk space')).toMatchObject({ status: 'fail' });
    expect(findings('accelerator')).toMatchObject({
      status: 'note',
      detail: expect.stringMatching(/\/proc\/x/),
    });
  });

  it('notes little memory and few open files, with their figures', async () => {
    const proc = join(folder.path, 'proc');
    await mkdir(join(proc, 'self'), { recursive: true });
    await writeFile(join(proc, 'meminfo'), 'MemTotal: 4000000 kB\nMemAvailable:  900000 kB\n');
    await writeFile(join(proc, 'self', 'limits'), LIMITS);
    await program('virtiofsd', '');
    const found = await examine({ proc });
    expect(found('memory')).toMatchObject({ status: 'note', detail: expect.stringMatching(/^\d+ MB/) });
    expect(found('memory')?.hint).toContain('--mem');
    expect(found('virtiofsd')).toMatchObject({
      status: 'note',
      hint: expect.stringContaining('LimitNOFILE'),
    });
  });
});

describe('orlop doctor', () => {
  it('prints each finding with its mark and hint, and ends with status 1 where something fails', async () => {
    const before = process.exitCode;
    const printed = await orlopIn(folder.path, ['doctor']);
    expect(process.exitCode).toBe(1);
    process.exitCode = before;
    expect(printed).toMatch(
      /^FAIL {2}xz: not installed \(unpacks kernel modules\)\n {6}hint: on Debian: apt-get/m,
    );
    expect(printed).toMatch(/^ok {4}node: v/m);
  });
});
