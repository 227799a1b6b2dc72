import { describe, expect, it } from 'vitest';
import { choosePlatform } from './image.ts';
import { parsePlatform, platformFit } from './platform.ts';
import type { Descriptor } from './types.ts';

describe('platformFit', () => {
  it.each([
    ['linux/amd64', 'linux/amd64', true],
    ['linux/amd64', 'linux/arm64', false],
    ['linux/amd64', 'windows/amd64', false],
    ['linux/arm64', 'linux/arm64/v8', true],
    ['linux/arm64/v8', 'linux/arm64', true],
    ['linux/arm/v7', 'linux/arm/v6', true],
    ['linux/arm/v6', 'linux/arm/v7', false],
    ['linux/amd64', 'linux/amd64/v3', true],
  ])('lets %s use %s: %s', (wanted, offered, fits) => {
    expect(platformFit(parsePlatform(wanted), parsePlatform(offered)) > 0).toBe(fits);
  });
});

describe('choosePlatform', () => {
  const entry = (platform: string): Descriptor => ({
    mediaType: 'x',
    digest: `sha256:${platform}`,
    size: 1,
    platform: parsePlatform(platform),
  });

  it('takes the best of several', () => {
    const offered = ['linux/arm/v5', 'linux/arm/v7', 'linux/arm/v6'].map(entry);
    const chosen = (wanted: string) => choosePlatform(offered, parsePlatform(wanted))?.digest;
    expect(chosen('linux/arm/v6')).toBe('sha256:linux/arm/v6');
    expect(chosen('linux/arm/v8')).toBe('sha256:linux/arm/v7');
    expect(chosen('linux/amd64')).toBeUndefined();
  });

  it('takes an only entry that names no platform', () => {
    const only: Descriptor = { mediaType: 'x', digest: 'sha256:x', size: 1 };
    expect(choosePlatform([only], parsePlatform('linux/amd64'))).toBe(only);
    expect(choosePlatform([only, only], parsePlatform('linux/amd64'))).toBeUndefined();
  });
});
