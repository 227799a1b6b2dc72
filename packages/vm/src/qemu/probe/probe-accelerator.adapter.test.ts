import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type TemporaryFolder, temporaryFolder, tinyGuestDisk } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from '../../find-program.ts';
import { systemClock } from '../../testing/fixture.ts';
import { probeGuests } from './guests.ts';
import { chooseAccelerator, type ProbeOptions, probeAccelerator } from './probe-accelerator.ts';

const searchPath = process.env['PATH'] ?? '';
const sources = new URL('.', import.meta.url).pathname;

let folder: TemporaryFolder;
let options: ProbeOptions;
beforeEach(async () => {
  folder = await temporaryFolder('probe');
  options = {
    arch: 'amd64',
    hostArch: 'amd64',
    hostPlatform: 'linux',
    searchPath,
    cacheFolder: join(folder.path, 'probes'),
    clock: systemClock,
  };
});
afterEach(() => folder.remove());

/** A QEMU that does as told, in a PATH of its own. */
async function fakeQemu(script: string): Promise<string> {
  const bin = join(folder.path, 'bin');
  await mkdir(bin, { recursive: true });
  const path = join(bin, 'qemu-system-x86_64');
  await writeFile(
    path,
    `#!/bin/sh\ncase "$1" in --version) echo "QEMU emulator version 0.0"; exit;; esac\n${script}\n`,
  );
  await chmod(path, 0o755);
  return `${bin}:${searchPath}`;
}

describe('probeAccelerator', () => {
  it.each(['amd64', 'arm64'] as const)('lets the guest of %s run to its end under TCG', async (arch) => {
    expect(await probeAccelerator('tcg', { ...options, arch })).toMatchObject({
      usable: true,
      reason: 'a test guest ran to its end',
      cached: false,
    });
  });

  it('keeps what it found until QEMU is another', async () => {
    await probeAccelerator('tcg', options);
    expect(await probeAccelerator('tcg', options)).toMatchObject({ usable: true, cached: true });
    expect(await probeAccelerator('tcg', { ...options, refresh: true })).toMatchObject({ cached: false });
    const other = { ...options, searchPath: await fakeQemu('exit 1') };
    expect(await probeAccelerator('tcg', other)).toMatchObject({ usable: false, cached: false });
  });

  it('ends a guest that an accelerator gave up, and says where', async () => {
    const script = `printf RPL > said; echo 'KVM internal error. Suberror: 1' >&2; exec sleep 60`;
    expect(await probeAccelerator('tcg', { ...options, searchPath: await fakeQemu(script) })).toMatchObject({
      usable: false,
      reason: 'the test guest failed before SSE2 in the kernel (KVM internal error. Suberror: 1)',
    });
  });

  it('says why nothing was tried', async () => {
    expect(await probeAccelerator('kvm', { ...options, hostArch: 'arm64' })).toMatchObject({
      usable: false,
      reason: 'this host is arm64, the machine amd64',
    });
    expect(await probeAccelerator('hvf', options)).toMatchObject({ reason: 'HVF is a part of macOS' });
    expect(await probeAccelerator('tcg', { ...options, searchPath: folder.path })).toMatchObject({
      reason: 'qemu-system-x86_64 is not installed',
    });
  });
});

describe('chooseAccelerator', () => {
  it('finds one that works on this very machine', async () => {
    const choice = await chooseAccelerator('auto', options);
    const [kvm] = choice.reports;
    expect(choice.accelerator).toBe(kvm?.usable === true ? 'kvm' : 'tcg');
    expect(choice.reason).toContain(kvm?.reason);
  });

  it('fails when what was asked for does not work', async () => {
    await expect(chooseAccelerator(['hvf'], options)).rejects.toMatchObject({
      code: 'vm.accelerator-unusable',
      problems: [{ message: 'hvf: HVF is a part of macOS' }],
    });
  });
});

/** The embedded bytes and their sources must not part; where there is no assembler, nobody can have changed them. */
describe('assembled guests', async () => {
  const assembler = await findProgram('as', searchPath);
  const assemble = (path: string, bits: '32' | '64') => {
    const object = join(folder.path, 'guest.o');
    const binary = join(folder.path, 'guest.bin');
    execFileSync('as', [`--${bits}`, '-o', object, path]);
    const target = bits === '32' ? 'elf_i386' : 'elf_x86_64';
    execFileSync('ld', ['-m', target, '-Ttext=0', '-e', '0', '--oformat', 'binary', '-o', binary, object]);
    return readFile(binary);
  };

  it.skipIf(assembler === undefined)('are those of guest-amd64.s', async () => {
    expect((await assemble(join(sources, 'guest-amd64.s'), '64')).equals(probeGuests.amd64.image)).toBe(true);
  });

  it.skipIf(assembler === undefined)('are those of tiny-guest.s', async () => {
    const sector = await assemble(
      fileURLToPath(import.meta.resolve('@orlop/testkit')).replace('index.ts', 'tiny-guest.s'),
      '32',
    );
    expect(sector.equals(tinyGuestDisk().subarray(0, 512))).toBe(true);
  });
});
