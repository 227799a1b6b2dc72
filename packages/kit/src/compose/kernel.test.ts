import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { kernelVersion } from '../formats/kernel-version.ts';
import { decompressKernel } from './kernel.ts';

/** A bzImage as boot.rst lays it out: one setup sector beside the first, then the payload and other code. */
function bzImage(payload: Uint8Array, { protocol = 0x20f, version = '6.12.1 (x)' } = {}): Uint8Array {
  const setup = new Uint8Array(1024);
  const view = new DataView(setup.buffer);
  setup[0x1f1] = 1;
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, protocol, true);
  view.setUint16(0x20e, 0x100, true);
  view.setUint32(0x248, 16, true);
  view.setUint32(0x24c, payload.length, true);
  setup.set(new TextEncoder().encode(version), 0x300);
  return Buffer.concat([setup, new Uint8Array(16), payload, new Uint8Array(100).fill(7)]);
}

const KERNEL = new TextEncoder().encode('the kernel itself '.repeat(100));

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe('decompressKernel', () => {
  it('opens a gzip file, and the payload of a bzImage', () => {
    expect(Buffer.from(decompressKernel(gzipSync(KERNEL), 'k')).equals(KERNEL)).toBe(true);
    expect(Buffer.from(decompressKernel(bzImage(gzipSync(KERNEL)), 'k')).equals(KERNEL)).toBe(true);
  });

  it.each([
    ['another compression', bzImage(KERNEL), 'it is not compressed by gzip'],
    [
      'an old boot protocol',
      bzImage(gzipSync(KERNEL), { protocol: 0x207 }),
      'its boot protocol is before 2.08',
    ],
    ['damaged content', gzipSync(KERNEL).subarray(0, 30), 'its content is damaged'],
    ['nothing', new Uint8Array(0), 'it is not compressed by gzip'],
  ])('refuses %s', (_, bytes, why) => {
    expect(() => decompressKernel(bytes, 'k:1')).toThrowError(`cannot decompress the kernel of k:1: ${why}`);
  });
});

describe('kernelVersion', () => {
  it('reads what a bzImage tells of itself, and nothing from other files', async () => {
    expect(await kernelVersion(once(bzImage(KERNEL)))).toEqual({ major: 6, minor: 12 });
    expect(await kernelVersion(once(bzImage(KERNEL, { version: 'abc' })))).toBeUndefined();
    expect(await kernelVersion(once(KERNEL))).toBeUndefined();
    expect(await kernelVersion(once(new Uint8Array(3)))).toBeUndefined();
  });
});
