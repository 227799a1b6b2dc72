import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { OrlopError } from '@orlop/core';
import { ociError } from './errors.ts';
import { unzstdByHost } from './host-zstd.ts';
import type { Compression } from './media-types.ts';

const OUTPUT_CHUNK_BYTES = 256 * 1024;
/** As many as bzip2 needs. */
const MAGIC_BYTES = 10;

export interface DecompressOptions {
  /** Names the stream in errors, e.g. `layer 2 of docker.io/library/redis:8`. */
  readonly subject: string;
}

/**
 * The content of a stream, whatever it is compressed with: what its first bytes say counts, as in Docker and
 * containerd, since media types in the wild are wrong at times.
 *
 * @throws OrlopError oci.bad-layer (from the iterator) on damaged compression
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  { subject }: DecompressOptions,
): AsyncGenerator<Uint8Array> {
  const { start, all } = await peek(source, MAGIC_BYTES);
  const other = otherCompression(start);
  if (other !== undefined)
    throw ociError('oci.bad-layer', `${subject} is compressed by ${other}`, {
      hint: `gzip and zstd are read; of an archive: ${other} -dc FILE | orlop cache import -`,
    });
  const compression = compressionOf(start);
  try {
    if (compression === 'none') yield* all;
    else if (compression === 'gzip') yield* gunzip(all);
    else yield* unzstdByHost(all);
  } catch (cause) {
    if (cause instanceof OrlopError || (cause as Error)?.name === 'AbortError') throw cause;
    throw ociError('oci.bad-layer', `${subject} is no valid ${compression} stream`, { cause });
  }
}

/** What the first four bytes say; a frame of Zstandard to be skipped may come first, as pzstd writes it (RFC 8878 §3.1.2). */
export function compressionOf([a = 0, b, c, d]: Uint8Array): Compression {
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
  if ((a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd';
  return 'none';
}

/** What else `docker load` reads. */
function otherCompression(start: Uint8Array): string | undefined {
  const text = Buffer.from(start).toString('latin1');
  if (text.startsWith('\xfd7zXZ\0')) return 'xz';
  return /^BZh[1-9]1AY&SY/.test(text) ? 'bzip2' : undefined;
}

async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = createGunzip({ chunkSize: OUTPUT_CHUNK_BYTES });
  const fed = pipeline(Readable.from(source, { objectMode: true, highWaterMark: 2 }), stream);
  fed.catch(() => {}); // it ends the stream with the same error
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
    await fed;
  } finally {
    stream.destroy();
  }
}

/** The first bytes of a stream, and the stream with them. */
async function peek(
  source: AsyncIterable<Uint8Array>,
  length: number,
): Promise<{ start: Uint8Array; all: AsyncGenerator<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array(0);
  while (start.length < length) {
    const next = await iterator.next();
    if (next.done) break;
    start = start.length === 0 ? next.value : Buffer.concat([start, next.value]);
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (start.length > 0) yield start;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { start, all: all() };
}
