import { describe, expect, it } from 'vitest';
import { lostShares } from './lost-shares.ts';

const shares = [
  { kind: 'virtiofs', tag: 'a', hostPath: '/home/a' },
  { kind: '9p', tag: 'b', hostPath: '/home/b' },
  { kind: 'virtiofs', tag: 'c', hostPath: '/home/c' },
] as const;

describe('lostShares', () => {
  it('names the shares whose socket has no other side, and no other device', () => {
    // As QEMU 7.2 says it.
    const devices = [
      { 'frontend-open': false, filename: 'unix:', label: 'share0' },
      { 'frontend-open': false, filename: 'disconnected:unix:share1-67f52ac3b378.sock', label: 'share2' },
      { 'frontend-open': true, filename: 'disconnected:unix:console.sock,server=on', label: 'console' },
    ];
    expect(lostShares(shares, devices)).toEqual(['/home/c']);
    expect(lostShares(shares, devices.slice(0, 1))).toEqual([]);
  });

  it('names none where QEMU says nothing of the kind', () => {
    expect(lostShares(shares, {})).toEqual([]);
    expect(lostShares(shares, [{ label: 'share0' }])).toEqual([]);
  });
});
