import { Layout } from '../bytes.ts';
import { both16, both32, ISO_SECTOR_BYTES, longDate } from './fields.ts';
import { putName } from './names.ts';

export interface VolumeFields {
  readonly joliet: boolean;
  readonly volumeId: string;
  readonly mtime: number;
  readonly totalSectors: number;
  readonly pathTableBytes: number;
  readonly littlePathTableSector: number;
  readonly bigPathTableSector: number;
  /** The root's directory record, 34 bytes. */
  readonly rootRecord: Uint8Array;
}

const PRIMARY = 1;
const SUPPLEMENTARY = 2;
const TERMINATOR = 255;

/** ECMA-119 8.4 and 8.5; Joliet's escape sequence for UCS-2 level 3 in the latter. */
export function encodeVolumeDescriptor(fields: VolumeFields): Uint8Array {
  const layout = new Layout(ISO_SECTOR_BYTES)
    .u8(0, fields.joliet ? SUPPLEMENTARY : PRIMARY)
    .text(1, 'CD001')
    .u8(6, 1);
  const text = (at: number, value: string, length: number) => {
    if (!fields.joliet) layout.text(at, value.toUpperCase(), length, 0x20);
    else
      for (let i = 0; i + 1 < length; i += 2)
        layout.u16be(at + i, i / 2 < value.length ? value.charCodeAt(i / 2) : 0x20);
  };
  text(8, 'LINUX', 32);
  text(40, fields.volumeId, 32);
  both32(layout, 80, fields.totalSectors);
  if (fields.joliet) layout.text(88, '%/E');
  both16(layout, 120, 1);
  both16(layout, 124, 1);
  both16(layout, 128, ISO_SECTOR_BYTES);
  both32(layout, 132, fields.pathTableBytes);
  layout
    .u32le(140, fields.littlePathTableSector)
    .u32be(148, fields.bigPathTableSector)
    .set(156, fields.rootRecord);
  for (const [at, length] of [
    [190, 128],
    [318, 128],
    [446, 128],
    [574, 128],
    [702, 37],
    [739, 37],
    [776, 37],
  ] as const) {
    text(at, at === 574 ? 'ORLOP' : '', length);
  }
  const date = longDate(fields.mtime);
  const unset = new Layout(17).text(0, '0'.repeat(16)).bytes;
  layout.set(813, date).set(830, date).set(847, unset).set(864, unset).u8(881, 1);
  return layout.bytes;
}

/** ECMA-119 §8.3. */
export function encodeTerminator(): Uint8Array {
  return new Layout(ISO_SECTOR_BYTES).u8(0, TERMINATOR).text(1, 'CD001').u8(6, 1).bytes;
}

export interface PathTableEntry {
  /** Empty for the root. */
  readonly identifier: string;
  readonly sector: number;
  /** Number of the parent in the table, from 1. */
  readonly parent: number;
}

/** ECMA-119 9.4. */
export function encodePathTable(
  entries: readonly PathTableEntry[],
  joliet: boolean,
  bigEndian: boolean,
): Uint8Array {
  // The root's identifier is a byte of zero.
  const nameBytes = (name: string) => (name === '' ? 1 : name.length * (joliet ? 2 : 1));
  const entryBytes = (name: string) => 8 + nameBytes(name) + (nameBytes(name) % 2);
  const layout = new Layout(entries.reduce((sum, { identifier }) => sum + entryBytes(identifier), 0));
  let at = 0;
  for (const { identifier, sector, parent } of entries) {
    layout.u8(at, nameBytes(identifier));
    putName(layout.bytes, at + 8, identifier, joliet);
    if (bigEndian) layout.u32be(at + 2, sector).u16be(at + 6, parent);
    else layout.u32le(at + 2, sector).u16le(at + 6, parent);
    at += entryBytes(identifier);
  }
  return layout.bytes;
}
