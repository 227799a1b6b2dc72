import { Layout } from '../bytes.ts';
import { DIRECTORY_ENTRY_BYTES } from './geometry.ts';
import { entriesOf, type FatName, LONG_NAME_UNITS, shortNameChecksum } from './name.ts';

export interface FatEntry {
  readonly name: FatName;
  readonly directory: boolean;
  readonly readOnly: boolean;
  readonly mtime: number;
  readonly firstCluster: number;
  readonly sizeBytes: number;
}

const ATTRIBUTE_READ_ONLY = 0x01;
const ATTRIBUTE_VOLUME = 0x08;
const ATTRIBUTE_DIRECTORY = 0x10;
const ATTRIBUTE_LONG_NAME = 0x0f;
const LAST_LONG_ENTRY = 0x40;
/** Where a long-name entry keeps its 13 units. */
const LONG_NAME_OFFSETS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/** Encodes one directory after another. */
export class DirectoryEncoder {
  /** Neighbours mostly have the same time. */
  #mtime = Number.NaN;
  #day = 0;
  #time = 0;

  /** The bytes of a directory: label (root only), `.` and `..` (others), then the entries in order. */
  encode(head: readonly FatEntry[], label: string | undefined, entries: readonly FatEntry[]): Uint8Array {
    const all = [...head, ...entries];
    const count = all.reduce((sum, entry) => sum + entriesOf(entry.name), label === undefined ? 0 : 1);
    const layout = new Layout(count * DIRECTORY_ENTRY_BYTES);
    let at = 0;
    if (label !== undefined) {
      layout.text(at, label, 11, 0x20).u8(at + 11, ATTRIBUTE_VOLUME);
      this.#setTime(layout, at, 0);
      at += DIRECTORY_ENTRY_BYTES;
    }
    for (const entry of all) at = this.#encodeEntry(layout, at, entry);
    return layout.bytes;
  }

  #encodeEntry(layout: Layout, start: number, entry: FatEntry): number {
    const { short, long } = entry.name;
    const at = long === undefined ? start : putLongName(layout.bytes, start, short, long);
    const attributes =
      (entry.directory ? ATTRIBUTE_DIRECTORY : 0) | (entry.readOnly ? ATTRIBUTE_READ_ONLY : 0);
    layout
      .text(at, short, 11)
      .u8(at + 11, attributes)
      .u16le(at + 20, entry.firstCluster >>> 16)
      .u16le(at + 26, entry.firstCluster & 0xffff)
      .u32le(at + 28, entry.sizeBytes);
    this.#setTime(layout, at, entry.mtime);
    return at + DIRECTORY_ENTRY_BYTES;
  }

  /** DOS dates begin in 1980, end in 2107, and count two seconds at a time; UTC here. */
  #setTime(layout: Layout, at: number, mtime: number): void {
    if (mtime !== this.#mtime) {
      const date = new Date(Math.min(Math.max(mtime * 1000, Date.UTC(1980, 0)), Date.UTC(2108, 0) - 1));
      this.#mtime = mtime;
      this.#day = ((date.getUTCFullYear() - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
      this.#time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
    }
    layout
      .u16le(at + 14, this.#time)
      .u16le(at + 16, this.#day)
      .u16le(at + 18, this.#day)
      .u16le(at + 22, this.#time)
      .u16le(at + 24, this.#day);
  }
}

/** The entries before a file's own, the last part of the name first. @returns where they end */
function putLongName(bytes: Uint8Array, start: number, short: string, long: string): number {
  const parts = Math.ceil(long.length / LONG_NAME_UNITS);
  const checksum = shortNameChecksum(short);
  let at = start;
  for (let part = parts; part >= 1; part--) {
    bytes[at] = part === parts ? part | LAST_LONG_ENTRY : part;
    bytes[at + 11] = ATTRIBUTE_LONG_NAME;
    bytes[at + 13] = checksum;
    for (let i = 0; i < LONG_NAME_UNITS; i++) {
      const n = (part - 1) * LONG_NAME_UNITS + i;
      const unit = n < long.length ? long.charCodeAt(n) : n === long.length ? 0 : 0xffff;
      const unitAt = at + (LONG_NAME_OFFSETS[i] as number);
      bytes[unitAt] = unit & 0xff;
      bytes[unitAt + 1] = unit >> 8;
    }
    at += DIRECTORY_ENTRY_BYTES;
  }
  return at;
}
