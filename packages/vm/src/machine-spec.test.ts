import { describe, expect, it } from 'vitest';
import { checkSpec, type MachineSpec } from './machine-spec.ts';

const spec: MachineSpec = {
  name: 'a',
  arch: 'amd64',
  cpus: 1,
  memoryMiB: 64,
  boot: { kind: 'iso', path: '/a.iso' },
  disks: [],
  cdroms: [],
  networks: [],
  channels: [],
  shares: [],
};

describe('checkSpec', () => {
  it('refuses more shares than a board has room for', () => {
    const shares = Array.from({ length: 105 }, (_, index) => ({
      ...({ kind: 'virtiofs', tag: `s${index}`, hostPath: '/' } as const),
    }));
    expect(() => checkSpec({ ...spec, shares: shares.slice(1) })).not.toThrow();
    expect(() => checkSpec({ ...spec, shares })).toThrow(
      expect.objectContaining({
        problems: [{ message: '105 shares: 104 at most; share a folder that they lie in' }],
      }),
    );
  });

  it('tells everything that is wrong at once', () => {
    const share = { kind: 'virtiofs', tag: 't', hostPath: '/' } as const;
    const wrong = () => checkSpec({ ...spec, name: '../x', cpus: 0, memoryMiB: 1.5, shares: [share, share] });
    expect(wrong).toThrow(
      expect.objectContaining({
        code: 'vm.bad-spec',
        problems: [
          { message: 'name "../x": letters, digits, "_", "." and "-", at most 63, and no sign first' },
          { message: 'cpus 0: a whole number from 1 to 255' },
          { message: 'memory 1.5 MiB: a whole number, at least 16' },
          { message: 'share tag "t" is used twice' },
        ],
      }),
    );
  });
});
