import { describe, expect, it } from 'vitest';
import { commonHeaders, withReturnSites } from './build-module.ts';
import { parseSymbolVersions, undefinedSymbols, versionsSection } from './module-versions.ts';

const SYMVERS = [
  '0x2f9b2b9a\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t',
  '0xb2071403\tfsnotify\tvmlinux\tEXPORT_SYMBOL_GPL\t',
  'nonsense',
  '',
].join('\n');

describe('parseSymbolVersions', () => {
  it('reads the checksum of each symbol that a kernel exports', () => {
    expect([...parseSymbolVersions(SYMVERS)]).toEqual([
      ['module_layout', '0x2f9b2b9a'],
      ['fsnotify', '0xb2071403'],
    ]);
  });
});

describe('versionsSection', () => {
  it('has an entry of 64 bytes for the layout of modules and for each symbol', () => {
    const { assembly, missing } = versionsSection(['fsnotify'], parseSymbolVersions(SYMVERS));
    expect(missing).toEqual([]);
    expect(assembly).toBe(
      '.section __versions, "a"\n.balign 8\n' +
        '.quad 0x2f9b2b9a\n.ascii "module_layout"\n.zero 43\n' +
        '.quad 0xb2071403\n.ascii "fsnotify"\n.zero 48\n',
    );
  });

  it('names what the kernel does not export', () => {
    expect(versionsSection(['fsnotify', 'kfree'], parseSymbolVersions(SYMVERS)).missing).toEqual(['kfree']);
  });
});

describe('undefinedSymbols', () => {
  it('finds none in what is no object file', () => {
    expect(undefinedSymbols(new TextEncoder().encode('no ELF'))).toEqual([]);
  });
});

describe('withReturnSites', () => {
  it('notes the place of each return, and leaves all else as it is', () => {
    const jump = '\tjmp\t__x86_return_thunk';
    const lines = ['\tret', jump, '\tint3', jump].join('\n');
    const section = (label: string) =>
      `\t.pushsection .return_sites, "a"\n\t.long ${label} - .\n\t.popsection`;
    expect(withReturnSites(lines)).toBe(
      [
        '\tret',
        '.Lreturn0:',
        jump,
        section('.Lreturn0'),
        '\tint3',
        '.Lreturn1:',
        jump,
        section('.Lreturn1'),
      ].join('\n'),
    );
  });
});

describe('commonHeaders', () => {
  it.each([
    ['6.12.118+deb13-cloud-amd64', 'linux-headers-6.12.118+deb13-common'],
    ['6.12.118+deb13-arm64', 'linux-headers-6.12.118+deb13-common'],
    ['6.12.118-amd64', 'linux-headers-6.12.118-common'],
  ])('is for %s the package %s', (version, name) => {
    expect(commonHeaders(version)).toBe(name);
  });
});
