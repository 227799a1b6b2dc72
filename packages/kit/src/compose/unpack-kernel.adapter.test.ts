import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bzImage } from '../testing/bz-image.ts';
import { unpackKernel } from './unpack-kernel.ts';

const KERNEL = Buffer.from('the kernel itself '.repeat(100_000));
const ZSTD_KERNEL = execFileSync('zstd', ['-qc', '-19'], { input: KERNEL });
/** What Linux writes behind a payload that does not tell its own length. */
const LENGTH = Buffer.alloc(4, 9);

async function gather(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('unpackKernel', () => {
  it.each([
    ['a gzip file', gzipSync(KERNEL)],
    ['a zstd file', ZSTD_KERNEL],
    ['a bzImage with gzip', bzImage(gzipSync(KERNEL))],
    ['a bzImage with zstd, and the length behind it', bzImage(Buffer.concat([ZSTD_KERNEL, LENGTH]))],
  ])('opens %s, as often as it is asked', async (_, packed) => {
    const kernel = await unpackKernel(packed, 'the kernel');
    expect(kernel.sizeBytes).toBe(KERNEL.length);
    expect((await gather(kernel.content())).equals(KERNEL)).toBe(true);
    expect((await gather(kernel.content())).equals(KERNEL)).toBe(true);
  });

  it.each([
    ['another compression', bzImage(KERNEL), 'it is compressed by neither gzip nor zstd'],
    [
      'an old boot protocol',
      bzImage(gzipSync(KERNEL), { protocol: 0x207 }),
      'its boot protocol is before 2.08',
    ],
    ['cut gzip', gzipSync(KERNEL).subarray(0, 300), 'its content is damaged'],
    ['cut zstd', ZSTD_KERNEL.subarray(0, ZSTD_KERNEL.length - 7), 'its content is damaged'],
    ['nothing', new Uint8Array(0), 'it is compressed by neither gzip nor zstd'],
  ])('refuses %s', async (_, bytes, why) => {
    await expect(unpackKernel(bytes, 'the kernel of k:1')).rejects.toThrowError(
      `cannot decompress the kernel of k:1: ${why}`,
    );
  });

  it('refuses what grows without end', async () => {
    const bomb = execFileSync('sh', ['-c', 'head -c 600M /dev/zero | zstd -qc']);
    await expect(unpackKernel(bomb, 'k')).rejects.toThrowError('it grows to over 536870912 bytes');
  });
});
