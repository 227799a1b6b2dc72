import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type EntryStream, readCpio, readTar } from '@orlop/archive';
import { OrlopError } from '@orlop/core';
import { decompress } from '@orlop/oci';
import { SBOM_FILE } from '../compose/layout-paths.ts';
import { kitError } from '../errors.ts';
import { isJson, type Json } from './json.ts';

/** Larger ones are no bills of materials of machines. */
const MAX_SBOM_BYTES = 512 * 2 ** 20;
const CPIO_MAGIC = '070701';
const CPIO_HEADER_BYTES = 110;
/** PATH_MAX of Linux, which its own unpacking holds to (init/initramfs.c). */
const MAX_NAME_BYTES = 4096;

export interface ReadSbomOptions {
  /** Name of the list in an image. @default 'sbom.spdx.json' */
  readonly name?: string;
  readonly signal: AbortSignal;
}

/**
 * The bill of materials in a file: the document itself, or an image file of the formats `tar` and `docker`, or an
 * initial RAM disk, compressed or not, that has one in its root.
 * @throws OrlopError `kit.no-sbom`, `kit.source-unreadable`
 */
export async function readSbom(path: string, options: ReadSbomOptions): Promise<Json> {
  const { name = SBOM_FILE } = options;
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    throw kitError('kit.source-unreadable', `cannot read ${path}`, { cause });
  }
  try {
    const start = await bytesAt(file, 0, 264);
    const first = new TextDecoder().decode(start).trimStart();
    if (first.startsWith('{')) return parse(await readWhole(read(path, 0, options)), path);
    const bytes = first.startsWith(CPIO_MAGIC)
      ? await findInCpio(file, path, { ...options, name })
      : await findIn(await entries(read(path, 0, options), path), name);
    if (bytes !== undefined) return parse(bytes, `${name} of ${path}`);
  } catch (cause) {
    options.signal.throwIfAborted();
    if (cause instanceof OrlopError && cause.code.startsWith('kit.')) throw cause;
    throw noSbom(path, cause);
  } finally {
    await file.close();
  }
  throw noSbom(path);
}

/** Archives one after another, the last one perhaps compressed: how a kernel takes its initial RAM disks. */
async function findInCpio(
  file: FileHandle,
  path: string,
  options: ReadSbomOptions & { readonly name: string },
): Promise<Uint8Array | undefined> {
  for (let at = 0; ; ) {
    const header = new TextDecoder('latin1').decode(await bytesAt(file, at, CPIO_HEADER_BYTES));
    if (header === '') return undefined;
    if (header.startsWith('\0\0\0\0')) {
      at += 4;
      continue;
    }
    if (!header.startsWith(CPIO_MAGIC))
      return findIn(await entries(read(path, at, options), path), options.name);
    const size = Number.parseInt(header.slice(54, 62), 16);
    const nameSize = Number.parseInt(header.slice(94, 102), 16);
    if (!(nameSize <= MAX_NAME_BYTES)) return undefined;
    const name = new TextDecoder().decode(await bytesAt(file, at + CPIO_HEADER_BYTES, nameSize - 1));
    const body = align(at + CPIO_HEADER_BYTES + nameSize);
    if (name.replace(/^\.?\//, '') === options.name && size > 0 && size <= MAX_SBOM_BYTES)
      return bytesAt(file, body, size);
    at = align(body + size);
    if (!Number.isSafeInteger(at)) return undefined;
  }
}

async function findIn(archive: EntryStream, name: string): Promise<Uint8Array | undefined> {
  let found: Uint8Array | undefined;
  for await (const { header, body } of archive) {
    if (header.name === name && header.type === 'file') found = await readWhole(body);
  }
  return found;
}

async function entries(source: AsyncIterable<Uint8Array>, path: string): Promise<EntryStream> {
  const content = decompress(source, { subject: path });
  const first = await content.next();
  const start = first.done ? '' : new TextDecoder('latin1').decode(first.value.subarray(0, 6));
  async function* whole(): AsyncGenerator<Uint8Array> {
    if (!first.done) yield first.value;
    yield* content;
  }
  return start === CPIO_MAGIC ? readCpio(whole()) : readTar(whole());
}

async function* read(path: string, start: number, { signal }: ReadSbomOptions): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { start, highWaterMark: 1 << 20, signal });
}

async function readWhole(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    if (total > MAX_SBOM_BYTES)
      throw kitError('kit.no-sbom', `over ${MAX_SBOM_BYTES} bytes is no bill of materials`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function bytesAt(file: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, at);
  return buffer.subarray(0, bytesRead);
}

function parse(bytes: Uint8Array, what: string): Json {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw kitError('kit.no-sbom', `${what} is no JSON`, { cause });
  }
  if (isJson(json)) return json;
  throw kitError('kit.no-sbom', `${what} is no JSON object`);
}

function noSbom(path: string, cause?: unknown): OrlopError {
  return kitError('kit.no-sbom', `${path} has no bill of materials that can be read`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'it can be an SPDX or CycloneDX file in JSON (not tag-value, not XML), an image of the format tar or docker, or an initial RAM disk',
  });
}

function align(offset: number): number {
  return Math.ceil(offset / 4) * 4;
}
