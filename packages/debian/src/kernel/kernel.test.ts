import { describe, expect, it } from 'vitest';
import { parseModuleInfo } from './modinfo.ts';
import { encodeModuleIndex } from './module-index.ts';
import { dependencyOrder, type KernelModule, moduleTables } from './module-tables.ts';
import { selectModules } from './select-modules.ts';
import { xzContentSize } from './xz-size.ts';

function module(
  path: string,
  depends: readonly string[] = [],
  aliases: readonly string[] = [],
): KernelModule {
  const name = path.slice(path.lastIndexOf('/') + 1, -3).replaceAll('-', '_');
  return { path, info: { name, depends, aliases, softDependencies: [], weakDependencies: [] } };
}

const MODULES = [
  module('kernel/fs/ext4/ext4.ko', ['mbcache', 'jbd2', 'crc16'], ['fs-ext4', 'ext3']),
  module('kernel/fs/jbd2/jbd2.ko', ['crc16']),
  module('kernel/fs/mbcache.ko'),
  module('kernel/lib/crc16.ko'),
  module(
    'kernel/drivers/net/virtio-net.ko',
    [],
    ['virtio:d00000001v*', 'devname:net/tun', 'char-major-10-200'],
  ),
];
const byName = new Map(MODULES.map((one) => [one.info.name, one]));
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

describe('dependencyOrder', () => {
  it('has each module before what it needs itself, once', () => {
    const names = dependencyOrder(MODULES[0] as KernelModule, byName).map((one) => one.info.name);
    expect(names).toEqual(['jbd2', 'crc16', 'mbcache']);
  });

  it('ends on a ring', () => {
    const ring = [module('a.ko', ['b']), module('b.ko', ['a'])];
    const all = new Map(ring.map((one) => [one.info.name, one]));
    expect(dependencyOrder(ring[0] as KernelModule, all).map((one) => one.path)).toEqual(['b.ko']);
  });
});

describe('moduleTables', () => {
  const tables = moduleTables(MODULES, {
    order: ['kernel/lib/crc16.ko', 'kernel/fs/mbcache.ko'],
    builtin: ['kernel/fs/fat/v-fat.ko'],
    builtinInfo: ['v_fat.alias=fs-vfat', 'v_fat.license=GPL'],
  });

  it('writes the texts that busybox reads, in the order of modules.order', () => {
    expect(text(tables.get('modules.dep')).split('\n')).toEqual([
      'kernel/lib/crc16.ko:',
      'kernel/fs/mbcache.ko:',
      'kernel/drivers/net/virtio-net.ko:',
      'kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/lib/crc16.ko kernel/fs/mbcache.ko',
      'kernel/fs/jbd2/jbd2.ko: kernel/lib/crc16.ko',
      '',
    ]);
    expect(text(tables.get('modules.alias'))).toContain('alias fs-ext4 ext4\n');
    expect(text(tables.get('modules.devname'))).toBe('virtio_net net/tun c10:200\n');
    expect(text(tables.get('modules.builtin'))).toBe('kernel/fs/fat/v-fat.ko\n');
  });

  it('normalizes the keys of the indexes that kmod reads, but not ranges', () => {
    const index = text(
      moduleTables([module('a.ko', [], ['x-y[a-b]-z'])], { order: [], builtin: [], builtinInfo: [] }).get(
        'modules.alias.bin',
      ),
    );
    expect(index).toContain('x_y[a-b]_z\0');
  });
});

describe('encodeModuleIndex', () => {
  it('writes a trie from the leaves up, as kmod 34 does', () => {
    const bytes = encodeModuleIndex([
      { key: 'ab', value: 'one', priority: 1 },
      { key: 'ac', value: 'two', priority: 0 },
    ]);
    expect(Buffer.from(bytes).toString('latin1')).toBe(
      Buffer.concat([
        Buffer.from('b007f45700020001a0000024', 'hex'),
        Buffer.from('\0\0\0\x01\0\0\0\x01one\0', 'latin1'),
        Buffer.from('\0\0\0\x01\0\0\0\0two\0', 'latin1'),
        Buffer.from('a\0bc', 'latin1'),
        Buffer.from('4000000c40000018', 'hex'),
      ]).toString('latin1'),
    );
  });
});

describe('selectModules', () => {
  const any = (name: string) => ({ name, architectures: [], position: { file: 'f', line: 1, column: 1 } });
  const select = (modules: readonly string[], withoutModules: readonly string[] = []) => {
    const section = {
      modules: modules.map(any),
      withoutModules: withoutModules.map(any),
      sources: [],
      deviceTrees: [],
    };
    const selection = selectModules({
      all: MODULES,
      section,
      architecture: 'amd64',
      builtin: new Set(['vfat']),
    });
    return {
      modules: selection.modules.map((one) => one.info.name),
      unmatched: selection.unmatched.map((one) => one.name),
    };
  };

  it('takes modules by name in either spelling and by path, with what they need', () => {
    expect(select(['jbd2', 'virtio-net']).modules).toEqual(['jbd2', 'crc16', 'virtio_net']);
    expect(select(['fs']).modules).toEqual([]);
    expect(select(['fs/*'], ['ext4']).modules).toEqual(['jbd2', 'mbcache', 'crc16']);
    expect(select(['**']).modules).toHaveLength(MODULES.length);
  });

  it('names words that stand for nothing, but not what is compiled in', () => {
    expect(select(['vfat', 'nothing', 'drivers/none']).unmatched).toEqual(['nothing', 'drivers/none']);
  });
});

describe('xzContentSize', () => {
  it('is undefined for anything but a file of xz', () => {
    expect(xzContentSize(new Uint8Array(64))).toBeUndefined();
    expect(xzContentSize(new Uint8Array(3))).toBeUndefined();
  });

  it('is undefined, at once, for an index that counts more blocks than it can hold', () => {
    // The index: a zero, then 2^49 - 1 as a multibyte integer. The footer: the index has two words; "YZ".
    const index = [0, ...Array.from({ length: 6 }, () => 0xff), 0x7f];
    const footer = [...[0, 0, 0, 0], ...[1, 0, 0, 0], ...[0, 1], ...[0x59, 0x5a]];
    expect(
      xzContentSize(Uint8Array.from([...Array.from({ length: 16 }, () => 0), ...index, ...footer])),
    ).toBeUndefined();
  });
});

describe('parseModuleInfo', () => {
  it.each([
    ['text', new TextEncoder().encode('not a module')],
    ['nothing', new Uint8Array(0)],
    ['a cut-off header', new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 2, 1])],
  ])('refuses %s', (_, bytes) => {
    expect(() => parseModuleInfo(bytes, 'x.ko')).toThrow('x.ko is no 64-bit little-endian kernel module');
  });
});
