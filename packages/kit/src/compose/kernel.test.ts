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

/** KERNEL by RFC 8878: a frame with a window of 1 kB, and one raw block. */
const ZSTD_KERNEL = Buffer.concat([
  new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x08]),
  new Uint8Array([
    ((KERNEL.length << 3) | 1) & 0xff,
    (KERNEL.length >> 5) & 0xff,
    (KERNEL.length >> 13) & 0xff,
  ]),
  KERNEL,
]);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe('decompressKernel', () => {
  it.each([
    ['a gzip file', gzipSync(KERNEL)],
    ['a zstd file', ZSTD_KERNEL],
    ['a bzImage with gzip', bzImage(gzipSync(KERNEL))],
    [
      'a bzImage with zstd, and the length behind it',
      bzImage(Buffer.concat([ZSTD_KERNEL, new Uint8Array(4).fill(9)])),
    ],
  ])('opens %s', async (_, packed) => {
    expect(Buffer.from(await decompressKernel(packed, 'k')).equals(KERNEL)).toBe(true);
  });

  it.each([
    ['another compression', bzImage(KERNEL), 'it is compressed by neither gzip nor zstd'],
    [
      'an old boot protocol',
      bzImage(gzipSync(KERNEL), { protocol: 0x207 }),
      'its boot protocol is before 2.08',
    ],
    ['damaged content', gzipSync(KERNEL).subarray(0, 30), 'its content is damaged'],
    ['nothing', new Uint8Array(0), 'it is compressed by neither gzip nor zstd'],
  ])('refuses %s', async (_, bytes, why) => {
    await expect(decompressKernel(bytes, 'k:1')).rejects.toThrowError(
      `cannot decompress the kernel of k:1: ${why}`,
    );
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
