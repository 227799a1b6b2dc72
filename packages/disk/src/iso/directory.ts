import { ISO_SECTOR_BYTES, putBoth32, type ShortDates, sectorsOf } from './fields.ts';
import { putName } from './names.ts';
import { CONTINUATION_BYTES, SystemUse } from './rock-ridge.ts';

/** Where a content lies. The sector, and a directory's size, may become known after the record is encoded. */
export interface Placed {
  readonly sector: number;
  readonly sizeBytes: number;
}

/** Bytes that one record can stand for: 4 GiB less a sector, in whole sectors. */
const MAX_EXTENT_BYTES = 0xffff_f800;

const HEAD_BYTES = 33;
const MAX_RECORD = 254;
const FLAG_DIRECTORY = 2;
const FLAG_MORE_EXTENTS = 0x80;

/** A directory's records and its continuation area, each whole sectors, without places yet. */
export interface EncodedDirectory {
  readonly records: Uint8Array;
  readonly continuations: Uint8Array;
  /** Fills in where everything lies. */
  finish(continuationSector: number): void;
}

export interface RecordFields {
  /** `''` and `'\u0001'` are the directory itself and its parent. */
  readonly identifier: string;
  readonly directory: boolean;
  readonly mtime: number;
  readonly target: Placed;
}

/** A place that says where a part of the continuation area lies. */
interface Reference {
  readonly at: number;
  readonly areaAt: number;
}

/** Encodes the records of one directory after another. ECMA-119 9.1. */
export class DirectoryEncoder {
  readonly systemUse: SystemUse;
  readonly #dates: ShortDates;
  readonly #joliet: boolean;
  readonly #records = new GrowingBytes();
  readonly #area = new GrowingBytes();
  #targets: { readonly at: number; readonly target: Placed; readonly from: number }[] = [];
  #continuations: Reference[] = [];
  /** The same within the continuation area. */
  #areaContinuations: Reference[] = [];

  constructor(joliet: boolean, dates: ShortDates) {
    this.#joliet = joliet;
    this.#dates = dates;
    this.systemUse = new SystemUse(dates);
  }

  /** A record with what {@link systemUse} holds; a large content takes several. */
  add(fields: RecordFields): void {
    const { identifier, target } = fields;
    const name = identifier.length === 1 && identifier < '\u0002' ? identifier : undefined;
    const nameBytes = name !== undefined ? 1 : identifier.length * (this.#joliet ? 2 : 1);
    const base = HEAD_BYTES + nameBytes + (nameBytes % 2 === 0 ? 1 : 0);
    const { systemUse } = this;
    let inRecord = systemUse.length;
    let length = base + inRecord;
    let continuation: Uint8Array | undefined;
    let areaAt = 0;
    if (length > MAX_RECORD) {
      inRecord = 0;
      for (const end of systemUse.ends) if (base + end + CONTINUATION_BYTES <= MAX_RECORD) inRecord = end;
      length = base + inRecord + CONTINUATION_BYTES;
      const rest = this.#addContinuation(inRecord);
      areaAt = rest.at;
      continuation = systemUse.encodeContinuation(0, areaAt % ISO_SECTOR_BYTES, rest.length);
    }
    length += length % 2;
    for (let from = 0; from === 0 || from < target.sizeBytes; from += MAX_EXTENT_BYTES) {
      const at = this.#records.take(length);
      const { bytes } = this.#records;
      const more = target.sizeBytes - from > MAX_EXTENT_BYTES;
      bytes[at] = length;
      this.#dates.put(bytes, at + 18, fields.mtime);
      bytes[at + 25] = (fields.directory ? FLAG_DIRECTORY : 0) | (more ? FLAG_MORE_EXTENTS : 0);
      bytes[at + 28] = bytes[at + 31] = 1;
      bytes[at + 32] = nameBytes;
      if (name !== undefined) bytes[at + HEAD_BYTES] = name.charCodeAt(0);
      else putName(bytes, at + HEAD_BYTES, identifier, this.#joliet);
      if (inRecord > 0) bytes.set(systemUse.bytes.subarray(0, inRecord), at + base);
      if (continuation !== undefined) {
        bytes.set(continuation, at + base + inRecord);
        this.#continuations.push({ at: at + base + inRecord + 4, areaAt });
      }
      this.#targets.push({ at, target, from });
    }
  }

  /**
   * Puts the entries from `from` on into the continuation area. What is longer than a sector goes on from one part to
   * the next: Linux does not read a part that crosses a sector's end (fs/isofs/rock.c).
   */
  #addContinuation(from: number): { readonly at: number; readonly length: number } {
    const { systemUse } = this;
    const { bytes, ends, length } = systemUse;
    const rest = length - from;
    if (rest <= ISO_SECTOR_BYTES) return { at: this.#area.add(bytes.subarray(from, length)), length: rest };
    let end = from;
    for (const next of ends) if (next - from + CONTINUATION_BYTES <= ISO_SECTOR_BYTES) end = next;
    const partBytes = end - from + CONTINUATION_BYTES;
    const at = this.#area.take(partBytes);
    const following = this.#addContinuation(end);
    const more = systemUse.encodeContinuation(0, following.at % ISO_SECTOR_BYTES, following.length);
    this.#area.bytes.set(bytes.subarray(from, end), at);
    this.#area.bytes.set(more, at + partBytes - CONTINUATION_BYTES);
    this.#areaContinuations.push({ at: at + partBytes - CONTINUATION_BYTES + 4, areaAt: following.at });
    return { at, length: partBytes };
  }

  finish(): EncodedDirectory {
    const records = this.#records.finish();
    const continuations = this.#area.finish();
    const [targets, references, inArea] = [this.#targets, this.#continuations, this.#areaContinuations];
    this.#targets = [];
    this.#continuations = [];
    this.#areaContinuations = [];
    return {
      records,
      continuations,
      finish(continuationSector) {
        for (const { at, target, from } of targets) {
          putBoth32(records, at + 2, target.sizeBytes === 0 ? 0 : target.sector + from / ISO_SECTOR_BYTES);
          putBoth32(records, at + 10, Math.min(MAX_EXTENT_BYTES, target.sizeBytes - from));
        }
        for (const { at, areaAt } of references)
          putBoth32(records, at, continuationSector + Math.floor(areaAt / ISO_SECTOR_BYTES));
        for (const { at, areaAt } of inArea)
          putBoth32(continuations, at, continuationSector + Math.floor(areaAt / ISO_SECTOR_BYTES));
      },
    };
  }
}

/** Collects what may not cross a sector's end, and gives it out as whole sectors. */
class GrowingBytes {
  bytes = new Uint8Array(ISO_SECTOR_BYTES);
  #length = 0;

  /** @returns where `length` bytes of zeros begin, in one sector unless they are longer than one */
  take(length: number): number {
    const room = ISO_SECTOR_BYTES - (this.#length % ISO_SECTOR_BYTES);
    const at = room < Math.min(length, ISO_SECTOR_BYTES) ? this.#length + room : this.#length;
    this.#length = at + length;
    if (this.#length > this.bytes.length) {
      const grown = new Uint8Array(sectorsOf(this.#length * 2) * ISO_SECTOR_BYTES);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    return at;
  }

  add(content: Uint8Array): number {
    const at = this.take(content.length);
    this.bytes.set(content, at);
    return at;
  }

  finish(): Uint8Array {
    const used = sectorsOf(this.#length) * ISO_SECTOR_BYTES;
    const result = this.bytes.slice(0, used);
    this.bytes.fill(0, 0, this.#length);
    this.#length = 0;
    return result;
  }
}
