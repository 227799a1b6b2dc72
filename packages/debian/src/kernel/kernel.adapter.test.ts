import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

function module(
  path: string,
  depends: readonly string[] = [],
  aliases: readonly string[] = [],
): KernelModule {
  const name = path.slice(path.lastIndexOf('/') + 1, -3);
  return { path, info: { name, depends, aliases, softDependencies: [], weakDependencies: [] } };
}
