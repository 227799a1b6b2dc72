import { Layout } from '../bytes.ts';
import { both16, both32, ISO_SECTOR_BYTES, sectorsOf, shortDate } from './fields.ts';
import { CONTINUATION_BYTES, continuation, type SystemUseEntry } from './rock-ridge.ts';

/** A directory record before its content has a place. */
export interface PlannedRecord {
  readonly identifier: Uint8Array;
  readonly directory: boolean;
  readonly mtime: number;
  readonly systemUse: readonly SystemUseEntry[];
  /** Pieces of the content, each at most 4 GiB less a sector; one record each. */
  extents(): readonly { readonly sector: number; readonly sizeBytes: number }[];
  /** How many records {@link extents} will ask for. */
  readonly extentCount: number;
}

const HEAD_BYTES = 33;
const MAX_RECORD = 254;
const FLAG_DIRECTORY = 2;
const FLAG_MORE_EXTENTS = 0x80;

interface Split {
  readonly inRecord: readonly SystemUseEntry[];
  readonly continued: readonly SystemUseEntry[];
  readonly recordBytes: number;
}

/** What of the system use entries fits the record, and what goes to the continuation area. */
function split(record: PlannedRecord): Split {
  const base = HEAD_BYTES + record.identifier.length + (record.identifier.length % 2 === 0 ? 1 : 0);
  const total = sum(record.systemUse);
  if (base + total <= MAX_RECORD)
    return { inRecord: record.systemUse, continued: [], recordBytes: even(base + total) };
  let count = 0;
  let used = 0;
  while (
    count < record.systemUse.length &&
    base + used + (record.systemUse[count]?.length ?? 0) + CONTINUATION_BYTES <= MAX_RECORD
  ) {
    used += record.systemUse[count]?.length ?? 0;
    count++;
  }
  return {
    inRecord: record.systemUse.slice(0, count),
    continued: record.systemUse.slice(count),
    recordBytes: even(base + used + CONTINUATION_BYTES),
  };
}

/** Bytes of a directory's records (whole sectors) and of its continuation area (whole sectors). */
export function measureDirectory(records: readonly PlannedRecord[]): {
  recordBytes: number;
  continuationBytes: number;
} {
  let at = 0;
  let continued = 0;
  for (const record of records) {
    const parts = split(record);
    for (let i = 0; i < record.extentCount; i++) at = placeRecord(at, parts.recordBytes) + parts.recordBytes;
    continued = placeContinuation(continued, sum(parts.continued)) + sum(parts.continued);
  }
  return {
    recordBytes: sectorsOf(at) * ISO_SECTOR_BYTES,
    continuationBytes: sectorsOf(continued) * ISO_SECTOR_BYTES,
  };
}

/** @param continuationSector where the continuation area lies; the result holds records, then that area. */
export function encodeDirectory(
  records: readonly PlannedRecord[],
  continuationSector: number,
): { records: Uint8Array; continuations: Uint8Array } {
  const { recordBytes, continuationBytes } = measureDirectory(records);
  const layout = new Layout(recordBytes);
  const area = new Layout(continuationBytes);
  let at = 0;
  let areaAt = 0;
  for (const record of records) {
    const parts = split(record);
    const continued = sum(parts.continued);
    const systemUse = [...parts.inRecord];
    if (continued > 0) {
      areaAt = placeContinuation(areaAt, continued);
      systemUse.push(
        continuation(
          continuationSector + Math.floor(areaAt / ISO_SECTOR_BYTES),
          areaAt % ISO_SECTOR_BYTES,
          continued,
        ),
      );
      for (const entry of parts.continued) {
        area.set(areaAt, entry);
        areaAt += entry.length;
      }
    }
    const extents = record.extents();
    extents.forEach((extent, i) => {
      at = placeRecord(at, parts.recordBytes);
      putRecord(layout, at, parts.recordBytes, record, systemUse, extent, i < extents.length - 1);
      at += parts.recordBytes;
    });
  }
  return { records: layout.bytes, continuations: area.bytes };
}

/** ECMA-119 9.1. */
function putRecord(
  layout: Layout,
  at: number,
  length: number,
  record: PlannedRecord,
  systemUse: readonly SystemUseEntry[],
  extent: { readonly sector: number; readonly sizeBytes: number },
  more: boolean,
): void {
  layout.u8(at, length);
  both32(layout, at + 2, extent.sector);
  both32(layout, at + 10, extent.sizeBytes);
  layout
    .set(at + 18, shortDate(record.mtime))
    .u8(at + 25, (record.directory ? FLAG_DIRECTORY : 0) | (more ? FLAG_MORE_EXTENTS : 0));
  both16(layout, at + 28, 1);
  layout.u8(at + 32, record.identifier.length).set(at + HEAD_BYTES, record.identifier);
  let systemUseAt = at + HEAD_BYTES + record.identifier.length + (record.identifier.length % 2 === 0 ? 1 : 0);
  for (const entry of systemUse) {
    layout.set(systemUseAt, entry);
    systemUseAt += entry.length;
  }
}

/** A record does not cross a sector's end. */
function placeRecord(at: number, length: number): number {
  const room = ISO_SECTOR_BYTES - (at % ISO_SECTOR_BYTES);
  return room < length ? at + room : at;
}

/** Nor does the part of a continuation area that belongs to one record, since it is short. */
function placeContinuation(at: number, length: number): number {
  return placeRecord(at, Math.min(length, ISO_SECTOR_BYTES));
}

function sum(entries: readonly SystemUseEntry[]): number {
  return entries.reduce((total, entry) => total + entry.length, 0);
}

function even(length: number): number {
  return length + (length % 2);
}
