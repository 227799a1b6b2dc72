import { describe, expect, it } from 'vitest';
import { linkLocalAddress } from './link-local.ts';

describe('linkLocalAddress', () => {
  it('is what Linux makes of the address of a card', () => {
    expect(linkLocalAddress('52:54:00:2c:16:42')).toBe('fe80::5054:ff:fe2c:1642');
  });

  it('refuses what is no such address', () => {
    expect(() => linkLocalAddress('52:54:00')).toThrow('is no address of a network card');
  });
});
