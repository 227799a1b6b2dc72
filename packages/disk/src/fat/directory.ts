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

/** The bytes of a directory: label (root only), `.` and `..` (others), then the entries in order. */
export function encodeDirectory(
  head: readonly FatEntry[],
  label: string | undefined,
  entries: readonly FatEntry[],
): Uint8Array {
  const all = [...head, ...entries];
  const count = all.reduce((sum, entry) => sum + entriesOf(entry.name), label === undefined ? 0 : 1);
  const layout = new Layout(count * DIRECTORY_ENTRY_BYTES);
  let at = 0;
  if (label !== undefined) {
    layout.text(at, label, 11, 0x20).u8(at + 11, ATTRIBUTE_VOLUME);
    setTime(layout, at, 0);
    at += DIRECTORY_ENTRY_BYTES;
  }
  for (const entry of all) at = encodeEntry(layout, at, entry);
  return layout.bytes;
}

function encodeEntry(layout: Layout, start: number, entry: FatEntry): number {
  let at = start;
  const { short, long } = entry.name;
  if (long !== undefined) {
    const parts = Math.ceil(long.length / LONG_NAME_UNITS);
    for (let part = parts; part >= 1; part--) {
      layout
        .u8(at, part === parts ? part | LAST_LONG_ENTRY : part)
        .u8(at + 11, ATTRIBUTE_LONG_NAME)
        .u8(at + 13, shortNameChecksum(short));
      LONG_NAME_OFFSETS.forEach((offset, i) => {
        const unit = (part - 1) * LONG_NAME_UNITS + i;
        layout.u16le(
          at + offset,
          unit < long.length ? long.charCodeAt(unit) : unit === long.length ? 0 : 0xffff,
        );
      });
      at += DIRECTORY_ENTRY_BYTES;
    }
  }
  const attributes = (entry.directory ? ATTRIBUTE_DIRECTORY : 0) | (entry.readOnly ? ATTRIBUTE_READ_ONLY : 0);
  layout
    .text(at, short, 11)
    .u8(at + 11, attributes)
    .u16le(at + 20, entry.firstCluster >>> 16)
    .u16le(at + 26, entry.firstCluster & 0xffff)
    .u32le(at + 28, entry.sizeBytes);
  setTime(layout, at, entry.mtime);
  return at + DIRECTORY_ENTRY_BYTES;
}

/** DOS dates begin in 1980 and count two seconds at a time; UTC here. */
function setTime(layout: Layout, at: number, mtime: number): void {
  const date = new Date(Math.max(mtime, Date.UTC(1980, 0, 1) / 1000) * 1000);
  const day = ((date.getUTCFullYear() - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  layout
    .u16le(at + 14, time)
    .u16le(at + 16, day)
    .u16le(at + 18, day)
    .u16le(at + 22, time)
    .u16le(at + 24, day);
}
