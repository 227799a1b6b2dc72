import { describe, expect, it } from 'vitest';
import {
  parseAccelerators,
  parseCount,
  parseDisk,
  parseDiskSize,
  parseMemory,
  parsePublish,
  parseSeconds,
  parseShare,
  placeDisks,
} from './run-options.ts';

describe('parseMemory', () => {
  it.each([
    ['1024', 1024],
    ['512M', 512],
    ['2G', 2048],
    ['1.5GiB', 1536],
  ])('reads %s as %s MiB', (text, expected) => expect(parseMemory(text)).toBe(expected));
  it.each(['', '1K', '8', '1.0001', '-1', '1e3'])('refuses "%s"', (text) =>
    expect(() => parseMemory(text)).toThrow(),
  );
});

describe('parseDiskSize', () => {
  it.each([
    ['1', 2 ** 30],
    ['100M', 100 * 2 ** 20],
    ['2T', 2 ** 41],
    ['1K', 1024],
    ['0.5G', 2 ** 29],
  ])('reads %s as %s bytes, gibibytes where nothing is said', (text, expected) => {
    expect(parseDiskSize(text)).toBe(expected);
  });
  it.each(['', '0', 'x', '1P'])('refuses "%s"', (text) => expect(() => parseDiskSize(text)).toThrow());
});

describe('parseDisk', () => {
  it("reads LinuxKit's forms, and collects", () => {
    const first = parseDisk('a.img,size=1G');
    expect(parseDisk('file=b,size=100M,format=qcow2', first)).toEqual([
      { path: 'a.img', sizeBytes: 2 ** 30 },
      { path: 'b', sizeBytes: 100 * 2 ** 20, format: 'qcow2' },
    ]);
    expect(parseDisk('size=1G')).toEqual([{ sizeBytes: 2 ** 30 }]);
  });
  it.each([
    ['a,foo=1', 'unknown key "foo"'],
    ['a,size=', '"size=" has no value'],
    ['a,format=zip', 'unknown format "zip"'],
    ['format=raw', 'a path, a size, or both'],
  ])('refuses %s', (text, message) => expect(() => parseDisk(text)).toThrow(message));
});

describe('placeDisks', () => {
  it("puts disks without a path into the machine's folder, and takes qcow2 from the name", () => {
    const disks = parseDisk('size=1G').concat(parseDisk('d.qcow2,size=1G'));
    expect(placeDisks(disks, { cwd: '/w', folder: '/m' })).toEqual([
      { path: '/m/disk0.img', format: 'raw', sizeBytes: 2 ** 30 },
      { path: '/w/d.qcow2', format: 'qcow2', sizeBytes: 2 ** 30 },
    ]);
  });
});

describe('parsePublish', () => {
  it('listens on loopback unless an address is said', () => {
    const ports = parsePublish('0.0.0.0:53:5353/udp', parsePublish('8080:80'));
    expect(ports).toEqual([
      { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 8080, guestPort: 80 },
      { protocol: 'udp', hostAddress: '0.0.0.0', hostPort: 53, guestPort: 5353 },
    ]);
    expect(parsePublish('[::1]:80:80/tcp')[0]).toMatchObject({ hostAddress: '::1' });
  });
  it.each([
    ['80', 'such as 8080:80'],
    ['a:80:80', '"a" is no address'],
    ['0:80', '0 is no port'],
    ['80:70000', '70000 is no port'],
    ['80:80/sctp', 'such as 8080:80'],
  ])('refuses %s', (text, message) => expect(() => parsePublish(text)).toThrow(message));
  it('refuses one port twice, but not tcp and udp of one number', () => {
    expect(() => parsePublish('80:81', parsePublish('80:80'))).toThrow('is published twice');
    expect(parsePublish('80:80/udp', parsePublish('80:80'))).toHaveLength(2);
  });
});

describe('parseAccelerators', () => {
  it('reads auto, one, or several by preference', () => {
    expect([parseAccelerators('auto'), parseAccelerators('tcg'), parseAccelerators('kvm:tcg')]).toEqual([
      'auto',
      ['tcg'],
      ['kvm', 'tcg'],
    ]);
    expect(() => parseAccelerators('xen')).toThrow('unknown accelerator "xen"');
  });
});

describe('parseShare', () => {
  it('numbers the tags as LinuxKit does, unless one is said', () => {
    const parse = parseShare('virtiofs');
    expect(parse('src=/b', parse('/a'))).toEqual([
      { kind: 'virtiofs', tag: 'virtiofs0', hostPath: '/a' },
      { kind: 'virtiofs', tag: 'src', hostPath: '/b' },
    ]);
  });
});

describe('parseCount and parseSeconds', () => {
  it('take numbers only', () => {
    expect(parseCount('4')).toBe(4);
    expect(parseSeconds('2.5')).toBe(2.5);
    expect(parseSeconds('10s')).toBe(10);
    expect(() => parseCount('0')).toThrow();
    expect(() => parseSeconds('-1')).toThrow();
  });
});
