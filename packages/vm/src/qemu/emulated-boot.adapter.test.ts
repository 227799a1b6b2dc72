import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MachineFolder } from '../machine-folder.ts';
import type { MachineSpec } from '../machine-spec.ts';
import { removeUnpacked, unpackBoot } from './emulated-boot.ts';

let root: TemporaryFolder;
beforeEach(async () => {
  root = await temporaryFolder('emulated-boot');
});
afterEach(() => root.remove());

const searchPath = process.env['PATH'] ?? '';
const zstd = (bytes: Uint8Array) => execFileSync('zstd', ['-qc'], { input: bytes, maxBuffer: 64 << 20 });

async function put(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(root.path, name);
  await writeFile(path, bytes);
  return path;
}

/** An ELF file whose only note has the given owner and type. */
function elf(owner: string, type: number): Buffer {
  const file = Buffer.alloc(64 + 56 + 16 + 4);
  file.write('\x7fELF', 'latin1');
  file.writeBigUInt64LE(64n, 0x20);
  file.writeUInt16LE(56, 0x36);
  file.writeUInt16LE(1, 0x38);
  file.writeUInt32LE(4, 64);
  file.writeBigUInt64LE(120n, 64 + 0x08);
  file.writeBigUInt64LE(20n, 64 + 0x20);
  file.writeUInt32LE(4, 120);
  file.writeUInt32LE(4, 124);
  file.writeUInt32LE(type, 128);
  file.write(`${owner}\0`, 132, 'latin1');
  return file;
}

/** A bzImage with an empty setup of four sectors; Linux appends the length to what is not gzip's. */
function bzImage(packed: Uint8Array, trailer = Buffer.alloc(4)): Buffer {
  const setup = Buffer.alloc(5 * 512);
  setup.write('HdrS', 0x202, 'latin1');
  setup.writeUInt16LE(0x20f, 0x206);
  setup.writeUInt32LE(packed.length + trailer.length, 0x24c);
  return Buffer.concat([setup, packed, trailer, Buffer.from('code behind')]);
}

const PVH = elf('Xen', 18);

function machine(boot: MachineSpec['boot'], change: Partial<MachineSpec> = {}): MachineSpec {
  return {
    name: 'm',
    arch: 'amd64',
    cpus: 1,
    memoryMiB: 64,
    boot,
    disks: [],
    cdroms: [],
    networks: [],
    channels: [],
    shares: [],
    ...change,
  };
}

interface Image {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly change?: Partial<MachineSpec>;
}

async function unpacked({ kernel, initrd, change }: Image) {
  const folder = new MachineFolder(join(root.path, 'machine'));
  await folder.make();
  const boot = {
    kind: 'kernel' as const,
    kernelPath: await put('kernel', kernel),
    ...(initrd !== undefined && { initrdPath: await put('initrd', initrd) }),
    cmdline: '',
  };
  const { kernelPath, initrdPath = '' } = await unpackBoot(machine(boot, change), boot, {
    folder,
    searchPath,
  });
  return { folder, packed: boot, kernelPath, initrdPath };
}

describe('unpackBoot', () => {
  it.each([
    ['zstd', bzImage(zstd(PVH))],
    ['gzip', bzImage(gzipSync(PVH), Buffer.alloc(0))],
  ])('takes a kernel with a PVH entry out of its bzImage of %s', async (_, kernel) => {
    const { kernelPath, folder } = await unpacked({ kernel });
    expect(kernelPath).toBe(folder.file('unpackedKernel'));
    expect(PVH.equals(await readFile(kernelPath))).toBe(true);
    expect((await stat(kernelPath)).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['without a PVH entry', bzImage(zstd(elf('Xen', 17))), {}],
    ['with a note of another owner', bzImage(zstd(elf('GNU', 18))), {}],
    ['that is no ELF file', bzImage(zstd(Buffer.from('MZ'))), {}],
    ['packed by xz', bzImage(Buffer.from('\xfd7zXZ\0', 'latin1')), {}],
    ['that is damaged', bzImage(zstd(randomBytes(3000)).subarray(0, 2000)), {}],
    ['that is no bzImage', Buffer.alloc(4096), {}],
    ['of a machine with a window', bzImage(zstd(PVH)), { display: 'window' }],
    ['of a machine with UEFI', bzImage(zstd(PVH)), { firmware: { kind: 'uefi' } }],
    ['of another architecture', bzImage(zstd(PVH)), { arch: 'arm64' }],
  ] as const)('leaves a kernel %s as it is', async (_, kernel, change) => {
    const { kernelPath, packed } = await unpacked({ kernel, change });
    expect(kernelPath).toBe(packed.kernelPath);
  });

  it.each([
    ['zstd', zstd],
    ['gzip', gzipSync],
  ])('unpacks an initial RAM disk of %s, on every architecture', async (_, pack) => {
    const content = randomBytes(3 << 20);
    const { initrdPath, folder } = await unpacked({
      kernel: Buffer.alloc(0),
      initrd: pack(content),
      change: { arch: 'arm64' },
    });
    expect(initrdPath).toBe(folder.file('unpackedInitrd'));
    expect(content.equals(await readFile(initrdPath))).toBe(true);
  });

  it.each([
    ['that would take over a quarter of the memory', zstd(Buffer.alloc(17 << 20))],
    ['that begins with microcode', Buffer.from('070701')],
    ['that is damaged', gzipSync(randomBytes(100_000)).subarray(0, 50_000)],
  ])('leaves an initial RAM disk %s as it is', async (_, initrd) => {
    const { initrdPath, packed } = await unpacked({ kernel: Buffer.alloc(0), initrd });
    expect(initrdPath).toBe(packed.initrdPath);
  });

  it('leaves a missing file to QEMU, and nothing behind after removeUnpacked', async () => {
    const { folder, kernelPath } = await unpacked({ kernel: bzImage(zstd(PVH)) });
    await removeUnpacked(folder);
    await expect(stat(kernelPath)).rejects.toMatchObject({ code: 'ENOENT' });
    const boot = { kind: 'kernel' as const, kernelPath: '/no/such', initrdPath: '/no/such', cmdline: '' };
    expect(await unpackBoot(machine(boot), boot, { folder, searchPath })).toEqual(boot);
  });

  it('stops when it is told to', async () => {
    const kernelPath = await put('kernel', bzImage(zstd(PVH)));
    const folder = new MachineFolder(root.path);
    const boot = { kind: 'kernel' as const, kernelPath, cmdline: '' };
    await expect(
      unpackBoot(machine(boot), boot, { folder, searchPath, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'vm.cancelled' });
  });
});
