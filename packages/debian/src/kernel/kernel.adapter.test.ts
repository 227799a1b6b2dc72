import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bytesBody, type EntryStream } from '@orlop/archive';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isByDockerfile } from '../definition/definition.ts';
import { parseDefinition } from '../definition/parse-definition.ts';
import { kernelEntries } from './kernel-image.ts';
import { ModuleStore } from './module-store.ts';
import { type KernelModule, moduleTables } from './module-tables.ts';
import { xzContentSize } from './xz-size.ts';

describe('xzContentSize', () => {
  it.each([0, 1, 4096, 300_000])('reads that a file of xz holds %i bytes', (size) => {
    const packed = execFileSync('xz', ['--stdout', '--block-size=65536'], { input: Buffer.alloc(size, 'x') });
    expect(xzContentSize(packed)).toBe(size);
  });
});

describe('moduleTables', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder('modules');
  });
  afterEach(() => folder.remove());

  it('writes indexes in which modprobe finds modules, aliases and what is compiled in', async () => {
    const base = join(folder.path, 'lib/modules/6.1');
    const modules = [
      module('kernel/fs/ext4/ext4.ko', ['jbd2', 'mbcache'], ['fs-ext4']),
      module('kernel/fs/jbd2/jbd2.ko', ['crc16']),
      module('kernel/fs/mbcache.ko'),
      module('kernel/lib/crc16.ko'),
      module('kernel/drivers/net/virtio_net.ko', ['net_failover'], ['virtio:d00000001v*']),
      module('kernel/drivers/net/net_failover.ko'),
      module('kernel/drivers/ahci.ko', [], ['pci:v*d*sv*sd*bc01sc06i01*', 'pci:v00001B21d0000061[12]sv*']),
    ];
    await mkdir(base, { recursive: true });
    const lists = { order: [], builtin: ['kernel/fs/fat/vfat.ko'], builtinInfo: ['vfat.alias=fs-vfat'] };
    for (const [name, bytes] of moduleTables(modules, lists)) await writeFile(join(base, name), bytes);
    for (const { path } of modules) {
      await mkdir(dirname(join(base, path)), { recursive: true });
      await writeFile(join(base, path), '');
    }
    const modprobe = (...args: readonly string[]) =>
      execFileSync('modprobe', ['-d', folder.path, '-S', '6.1', ...args], {
        encoding: 'utf8',
        env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
      })
        .replaceAll(`insmod ${base}/kernel/`, '')
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '');
    expect(modprobe('--show-depends', 'ext4')).toEqual([
      'lib/crc16.ko',
      'fs/jbd2/jbd2.ko',
      'fs/mbcache.ko',
      'fs/ext4/ext4.ko',
    ]);
    expect(modprobe('-R', 'fs-ext4')).toEqual(['ext4']);
    expect(modprobe('-R', 'virtio:d00000001v00001AF4')).toEqual(['virtio_net']);
    expect(modprobe('-R', 'pci:v00001B21d00000612sv0sd0bc02sc00i00')).toEqual(['ahci']);
    expect(modprobe('--show-depends', 'vfat')).toEqual(['builtin vfat']);
    expect(modprobe('-R', 'fs-vfat')).toEqual(['vfat']);
  });
});

describe('ModuleStore', () => {
  it('refuses a module that says it is larger than any, and asks for no room for it', async () => {
    const packed = execFileSync('xz', ['--stdout'], { input: 'x' });
    const forged = forgeSize(packed);
    async function* shipped() {
      yield { path: 'kernel/big.ko.xz', bytes: forged };
    }
    const folder = await temporaryFolder('module-store');
    await expect(ModuleStore.create(join(folder.path, 'modules'), shipped())).rejects.toMatchObject({
      code: 'debian.module-invalid',
      message: 'the module kernel/big.ko.xz says that it holds 4398046511103 bytes',
    });
    await folder.remove();
  });
});

/** The file with an index that says 2^42 - 1 for what its block holds. */
function forgeSize(packed: Uint8Array): Uint8Array {
  const blockBytes = [0x10];
  const index = [0, 1, ...blockBytes, ...Array.from({ length: 5 }, () => 0xff), 0x7f, 0, 0, 0];
  const footer = [...[0, 0, 0, 0], ...[index.length / 4 - 1, 0, 0, 0], ...[0, 1], ...[0x59, 0x5a]];
  return Uint8Array.from([...packed.subarray(0, 24), ...index, ...footer]);
}

describe('kernelEntries', () => {
  it('refuses packages of two kernels, whose modules would lie over each other', async () => {
    const folder = await temporaryFolder('kernels');
    const { definition } = parseDefinition('/k/build.yml', 'image: k\ndebian: {kernel: {}}\n');
    if (definition === undefined || isByDockerfile(definition) || definition.debian.kernel === undefined)
      throw new Error('the definition is one of a kernel');
    async function* packages() {
      for (const version of ['6.1', '6.2']) yield { name: `linux-${version}`, entries: kernelFile(version) };
    }
    const entries = kernelEntries({
      ...{ definition, section: definition.debian.kernel, architecture: 'amd64', packages: packages() },
      temporaryFolder: folder.path,
      buildModules: async () => [],
    });
    await expect(entries[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'debian.layer-conflict',
      message: 'k has two kernels: 6.1 and 6.2',
    });
    await folder.remove();
  });
});

async function* kernelFile(version: string): EntryStream {
  const body = bytesBody(new TextEncoder().encode('kernel'));
  const header = { mode: 0o644, uid: 0, gid: 0, mtime: 0, sizeBytes: 6 } as const;
  yield { header: { ...header, name: `boot/vmlinuz-${version}`, type: 'file' }, body };
}

function module(
  path: string,
  depends: readonly string[] = [],
  aliases: readonly string[] = [],
): KernelModule {
  const name = path.slice(path.lastIndexOf('/') + 1, -3);
  return { path, info: { name, depends, aliases, softDependencies: [], weakDependencies: [] } };
}
