import { describe, expect, it } from 'vitest';
import { matchFirmware } from './firmware.ts';

const description = {
  'interface-types': ['uefi'],
  mapping: {
    device: 'flash',
    executable: { filename: '/CODE.fd', format: 'raw' },
    'nvram-template': { filename: '/VARS.fd', format: 'raw' },
  },
  targets: [{ architecture: 'x86_64', machines: ['pc-i440fx-*', 'pc-q35-*'] }],
  features: ['acpi-s3'],
};

describe('matchFirmware', () => {
  it('takes a description for the architecture and its board', () => {
    const text = JSON.stringify(description);
    expect(matchFirmware(text, 'amd64')).toEqual({ codePath: '/CODE.fd', templatePath: '/VARS.fd' });
    expect(matchFirmware(text, 'arm64')).toBeUndefined();
  });
  it.each([
    ['secure boot', { ...description, features: ['secure-boot'] }],
    ['a BIOS', { ...description, 'interface-types': ['bios'] }],
    ['memory instead of flash', { ...description, mapping: { device: 'memory', filename: '/a' } }],
  ])('leaves out %s', (_, other) => {
    expect(matchFirmware(JSON.stringify(other), 'amd64')).toBeUndefined();
  });
  it('leaves out what is no JSON', () => {
    expect(matchFirmware('{', 'amd64')).toBeUndefined();
  });
});
