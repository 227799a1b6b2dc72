import type { ByteReader } from './byte-reader.ts';
import { archiveError } from './errors.ts';
import { decodeName } from './name.ts';
import {
  type DataRun,
  ENTRIES_IN_EXTENSION,
  ENTRIES_IN_HEADER,
  EXTENSION_IS_EXTENDED_AT,
  IS_EXTENDED_AT,
  MAP_AT,
  NUMBER_BYTES,
  REAL_SIZE_AT,
} from './sparse-tar.ts';
import { numberAt, TAR_BLOCK_BYTES } from './tar-header.ts';

/** How a sparse member is to be read: GNU tar manual, "Storing Sparse Files". */
export interface SparseMap {
  /** Where the header's is one that tar made up. */
  readonly name?: string;
  /** Holes included. */
  readonly sizeBytes: number;
  /** What stands in the archive: the runs, one after the other. */
  readonly storedBytes: number;
  readonly runs: readonly DataRun[];
}

export interface SparseMapSource {
  /** The member's header, read before anything is taken of the reader. */
  readonly block: Uint8Array;
  readonly isOldGnu: boolean;
  /** Bytes of the member's data as the header says. */
  readonly size: number;
  readonly records: ReadonlyMap<string, Uint8Array>;
  readonly at: number;
  /** A larger map is refused. */
  readonly maxMapBytes: number;
}

const PREFIX = 'GNU.sparse.';
const ZERO_BYTES = 1 << 16;

export function isSparseRecord(key: string): boolean {
  return key.startsWith(PREFIX);
}

/**
 * Takes the map of a sparse member: of the old GNU format behind its header, of pax 1.0 before its data, of pax 0.1 in
 * its records. @throws OrlopError archive.malformed, archive.limit, archive.unsupported for pax 0.0
 */
export async function takeSparseMap(reader: ByteReader, source: SparseMapSource): Promise<SparseMap> {
  const { records, size, at } = source;
  if (source.isOldGnu) return checked(await takeOldGnu(reader, source), source);
  const text = (key: string) => {
    const bytes = records.get(`${PREFIX}${key}`);
    return bytes === undefined ? undefined : decodeName(bytes);
  };
  const name = text('name');
  const named = name === undefined ? {} : { name };
  const sizeBytes = decimal(text('realsize') ?? text('size') ?? '', at);
  const map = text('map');
  if (map !== undefined) {
    const runs = pairs(map === '' ? [] : map.split(','), at);
    return checked({ ...named, sizeBytes, storedBytes: size, runs }, source);
  }
  if (text('major') !== '1' || text('minor') !== '0')
    throw archiveError(
      'archive.unsupported',
      `the sparse file at byte ${at} is of pax format 0.0; write it with --sparse-version=1.0`,
    );
  const { words, takenBytes } = await takeNumbers(reader, source);
  return checked({ ...named, sizeBytes, storedBytes: size - takenBytes, runs: pairs(words, at) }, source);
}

/** The content with its holes. */
export async function* fillHoles(
  stored: AsyncIterable<Uint8Array>,
  { runs, sizeBytes }: SparseMap,
): AsyncGenerator<Uint8Array> {
  const source = stored[Symbol.asyncIterator]();
  let chunk: Uint8Array = new Uint8Array(0);
  let at = 0;
  for (const { offset, length } of [...runs, { offset: sizeBytes, length: 0 }]) {
    for (; at < offset; at += Math.min(ZERO_BYTES, offset - at))
      yield new Uint8Array(Math.min(ZERO_BYTES, offset - at));
    const end = offset + length;
    while (at < end) {
      if (chunk.length === 0) {
        const next = await source.next();
        if (next.done) return; // finished by whoever reads on
        chunk = next.value;
      }
      const part = chunk.subarray(0, end - at);
      chunk = chunk.subarray(part.length);
      at += part.length;
      yield part;
    }
  }
}

async function takeOldGnu(reader: ByteReader, source: SparseMapSource): Promise<SparseMap> {
  const { at: offset, size, maxMapBytes } = source;
  const number = (block: Uint8Array, at: number) =>
    numberAt(block, [at, NUMBER_BYTES], { what: 'map of a sparse file', offset });
  const runs: DataRun[] = [];
  const add = (block: Uint8Array, at: number, entries: number) => {
    for (let i = 0; i < entries; i++) {
      const run = at + 2 * i * NUMBER_BYTES;
      runs.push({ offset: number(block, run), length: number(block, run + NUMBER_BYTES) });
    }
  };
  const sizeBytes = number(source.block, REAL_SIZE_AT);
  let isExtended = source.block[IS_EXTENDED_AT] !== 0;
  add(source.block, MAP_AT, ENTRIES_IN_HEADER);
  for (let taken = TAR_BLOCK_BYTES; isExtended; taken += TAR_BLOCK_BYTES) {
    if (taken > maxMapBytes) throw tooLarge(source);
    const block = await reader.takeAll(TAR_BLOCK_BYTES);
    isExtended = block[EXTENSION_IS_EXTENDED_AT] !== 0;
    add(block, 0, ENTRIES_IN_EXTENSION);
  }
  return { sizeBytes, storedBytes: size, runs };
}

/** Decimal numbers, a line each, the first of which says how many pairs follow; padded to a block. */
async function takeNumbers(
  reader: ByteReader,
  source: SparseMapSource,
): Promise<{ words: readonly string[]; takenBytes: number }> {
  let text = '';
  for (let takenBytes = TAR_BLOCK_BYTES; ; takenBytes += TAR_BLOCK_BYTES) {
    if (takenBytes > Math.min(source.size, source.maxMapBytes)) throw tooLarge(source);
    text += decodeName(await reader.takeAll(TAR_BLOCK_BYTES));
    const [count = '', ...words] = text.split('\n');
    if (words.length === 0) continue;
    const wanted = 2 * decimal(count, source.at);
    if (words.length > wanted) return { words: words.slice(0, wanted), takenBytes };
  }
}

function pairs(words: readonly string[], at: number): readonly DataRun[] {
  const numbers = words.map((word) => decimal(word, at));
  return Array.from({ length: Math.ceil(numbers.length / 2) }, (_, i) => ({
    offset: numbers[2 * i] ?? 0,
    length: numbers[2 * i + 1] ?? 0,
  }));
}

function decimal(word: string, at: number): number {
  const value = Number(word);
  if (/^\d+$/.test(word) && Number.isSafeInteger(value)) return value;
  throw malformed(at, `has ${JSON.stringify(word.slice(0, 40))} where a number is`);
}

function checked(map: SparseMap, { at }: SparseMapSource): SparseMap {
  const runs = map.runs.filter(({ length }) => length > 0);
  let end = 0;
  let stored = 0;
  for (const { offset, length } of runs) {
    if (offset < end || offset + length > map.sizeBytes)
      throw malformed(
        at,
        `has a run of ${length} bytes at ${offset}, after ${end} and within ${map.sizeBytes}`,
      );
    end = offset + length;
    stored += length;
  }
  if (stored > map.storedBytes)
    throw malformed(at, `has runs of ${stored} bytes, and ${map.storedBytes} stored`);
  return { ...map, runs };
}

function malformed(at: number, what: string) {
  return archiveError('archive.malformed', `the map of the sparse file at byte ${at} ${what}`);
}

function tooLarge({ at, maxMapBytes }: SparseMapSource) {
  return archiveError(
    'archive.limit',
    `the map of the sparse file at byte ${at} is over ${maxMapBytes} bytes`,
  );
}
