import { execFileSync } from 'node:child_process';
import { gunzipSync, gzipSync } from 'node:zlib';
import { BufferPool } from '@orlop/archive';
import { OrlopError } from '@orlop/core';
import { seededRandom } from '@orlop/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decompress } from './decompress.ts';
import { zstdByHost } from './host-zstd.ts';
import { DEFAULT_LAYER_LIMITS, withinLimits } from './layer-limits.ts';
import { gzipParallel } from './parallel-gzip.ts';

/** Text that compresses, over block borders and past the window. */
function sample(bytes: number): Buffer {
  const words = new Uint8Array(4096);
  seededRandom(11).fill(words);
  const out = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) out[i] = 97 + ((words[(i * 7) % 4096] ?? 0) % 6) + (i % 1000 === 0 ? 1 : 0);
  return out;
}

/** In buffers that are used again as soon as they are given back. */
async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const pool = new BufferPool(size, 8);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    const buffer = pool.take();
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
  }
}

async function join(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const unpack = (bytes: Uint8Array, size = 10_000) => join(decompress(cut(bytes, size), { subject: 'it' }));

describe('gzipParallel', () => {
  it.each([0, 1, 512 * 1024, 512 * 1024 + 1, 3_000_000])(
    'is one member that gzip reads, of %d bytes',
    async (size) => {
      const content = sample(size);
      const packed = await join(gzipParallel(cut(content, 100_000)));
      expect(gunzipSync(packed).equals(content)).toBe(true);
      expect(execFileSync('gzip', ['-dc'], { input: packed, maxBuffer: 1 << 24 }).equals(content)).toBe(true);
    },
  );

  it('gives the same bytes for any number of threads and any chunks', async () => {
    const content = sample(2_000_000);
    const one = await join(gzipParallel(cut(content, 65_536), { concurrency: 1 }));
    const many = await join(gzipParallel(cut(content, 1_000_003), { concurrency: 8 }));
    expect(one.equals(many)).toBe(true);
  });

  it('keeps every block whole while buffers are used again, however slowly the result is taken', async () => {
    const content = Buffer.alloc(20 * 512 * 1024 + 77);
    seededRandom(12).fill(content);
    for (const concurrency of [1, 2, 5]) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of gzipParallel(cut(content, 300_000), { concurrency, level: 1 })) {
        chunks.push(chunk);
        // What is under way goes on meanwhile.
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(gunzipSync(Buffer.concat(chunks)).equals(content), `${concurrency}`).toBe(true);
    }
  });

  it('compresses nearly as well as one stream does', async () => {
    const content = sample(4_000_000);
    const ours = (await join(gzipParallel(cut(content, 65_536)))).length;
    expect(ours).toBeLessThan(gzipSync(content).length * 1.02 + 100);
  });

  it('hands on the failure of its source', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield sample(2_000_000);
      throw new Error('the source broke');
    }
    await expect(join(gzipParallel(broken()))).rejects.toThrow('the source broke');
  });
});

describe('decompress', () => {
  const content = sample(1_000_000);

  it('recognizes gzip, several members of it, zstd of the host, and plain content', async () => {
    const twice = Buffer.concat([gzipSync(content), gzipSync(content)]);
    expect((await unpack(twice)).equals(Buffer.concat([content, content]))).toBe(true);
    for (const flags of [['-1'], ['-19'], ['-3', '--check'], ['--long=27']]) {
      const packed = execFileSync('zstd', ['-qc', ...flags], { input: content, maxBuffer: 1 << 24 });
      expect((await unpack(packed, 777)).equals(content), flags.join()).toBe(true);
    }
    expect((await unpack(await join(zstdByHost(cut(content, 50_000))))).equals(content)).toBe(true);
    expect((await unpack(content)).equals(content)).toBe(true);
    expect(await unpack(new Uint8Array(0))).toHaveLength(0);
  });

  it('recognizes zstd behind a frame to be skipped, as pzstd writes it', async () => {
    const content = sample(200_000);
    const packed = execFileSync('pzstd', ['-qc'], { input: content });
    expect(packed.subarray(0, 4).toString('hex')).toBe('502a4d18');
    expect((await unpack(packed)).equals(content)).toBe(true);
  });

  it.each(['xz', 'bzip2'])('names %s, which it does not read', async (program) => {
    await expect(unpack(execFileSync(program, ['-c'], { input: content }))).rejects.toMatchObject({
      code: 'oci.bad-layer',
      message: `it is compressed by ${program}`,
      hint: expect.stringContaining(`${program} -dc`),
    });
  });

  it('refuses a zstd window that would fill the memory', async () => {
    const packed = execFileSync('zstd', ['-qc', '-1', '--long=30'], {
      input: content,
    });
    await expect(unpack(packed)).rejects.toMatchObject({ code: 'oci.layer-limit' });
  });

  it('refuses cut streams', async () => {
    for (const packed of [gzipSync(content), execFileSync('zstd', ['-qc'], { input: content })])
      await expect(unpack(packed.subarray(0, packed.length - 20))).rejects.toMatchObject({
        code: 'oci.bad-layer',
      });
  });

  it('throws nothing but an OrlopError on damaged streams', async () => {
    const small = sample(20_000);
    const streams = [gzipSync(small), execFileSync('zstd', ['-qc'], { input: small })];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...streams),
        fc.array(fc.record({ at: fc.nat(200), to: fc.nat(255) }), { minLength: 1, maxLength: 6 }),
        async (stream, edits) => {
          const bytes = Buffer.from(stream);
          for (const { at, to } of edits) if (at < bytes.length) bytes[at] = to;
          const limited = withinLimits(decompress(cut(bytes, 500), { subject: 'it' }), {
            limits: { ...DEFAULT_LAYER_LIMITS, maxLayerBytes: 50 << 20 },
            compressedBytes: bytes.length,
            subject: 'it',
          });
          try {
            for await (const chunk of limited) expect(chunk.length).toBeGreaterThan(0);
          } catch (error) {
            expect(error).toBeInstanceOf(OrlopError);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
