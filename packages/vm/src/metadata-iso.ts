/** A sector of ECMA-119 (ISO 9660). */
const SECTOR = 2048;

/** Sectors 0..15 are the system area; then the descriptors, the path tables, the root directory, and the file. */
const PRIMARY = 16;
const TERMINATOR = 17;
const PATH_TABLE_LITTLE = 18;
const PATH_TABLE_BIG = 19;
const ROOT_DIRECTORY = 20;
const FILE_DATA = 21;

/** A fixed date: the same data gives the same bytes. Years since 1900, month, day, hour, minute, second, offset. */
const DATE = [117, 4, 18, 16, 30, 0, 0];

/**
 * The smallest CD-ROM image that Linux mounts: one file `config` in its root, as LinuxKit's metadata package reads it.
 * Its layout is that of ECMA-119 §6 and §8, by sector numbers.
 */
export function encodeMetadataIso(content: Uint8Array): Uint8Array {
  const sectors = FILE_DATA + Math.max(1, Math.ceil(content.length / SECTOR));
  const image = new Uint8Array(sectors * SECTOR);
  const view = new DataView(image.buffer);
  const root = directoryRecord('\0', { sector: ROOT_DIRECTORY, length: SECTOR, directory: true });

  const primary = PRIMARY * SECTOR; // ECMA-119 §8.4
  image[primary] = 1;
  writeText(image, primary + 1, 'CD001\x01');
  writeText(image, primary + 8, ''.padEnd(32));
  writeText(image, primary + 40, 'CONFIG'.padEnd(32));
  writeBoth32(view, primary + 80, sectors);
  writeBoth16(view, primary + 120, 1);
  writeBoth16(view, primary + 124, 1);
  writeBoth16(view, primary + 128, SECTOR);
  writeBoth32(view, primary + 132, 10); // the path table: one entry
  view.setUint32(primary + 140, PATH_TABLE_LITTLE, true);
  view.setUint32(primary + 148, PATH_TABLE_BIG, false);
  image.set(root, primary + 156);
  writeText(image, primary + 190, ''.padEnd(623));
  for (const offset of [813, 830, 847, 864]) writeText(image, primary + offset, `${'0'.repeat(16)}\0`);
  image[primary + 881] = 1;

  image[TERMINATOR * SECTOR] = 255; // §8.3
  writeText(image, TERMINATOR * SECTOR + 1, 'CD001\x01');

  for (const [sector, little] of [
    [PATH_TABLE_LITTLE, true],
    [PATH_TABLE_BIG, false],
  ] as const) {
    image[sector * SECTOR] = 1; // §9.4
    view.setUint32(sector * SECTOR + 2, ROOT_DIRECTORY, little);
    view.setUint16(sector * SECTOR + 6, 1, little);
  }

  let at = ROOT_DIRECTORY * SECTOR;
  for (const record of [
    root,
    directoryRecord('\x01', { sector: ROOT_DIRECTORY, length: SECTOR, directory: true }),
    directoryRecord('CONFIG.;1', { sector: FILE_DATA, length: content.length, directory: false }),
  ]) {
    image.set(record, at);
    at += record.length;
  }
  image.set(content, FILE_DATA * SECTOR);
  return image;
}

/** ECMA-119 §9.1. */
function directoryRecord(
  name: string,
  { sector, length, directory }: { sector: number; length: number; directory: boolean },
): Uint8Array {
  const size = 33 + name.length + (name.length % 2 === 0 ? 1 : 0);
  const record = new Uint8Array(size);
  const view = new DataView(record.buffer);
  record[0] = size;
  writeBoth32(view, 2, sector);
  writeBoth32(view, 10, length);
  record.set(DATE, 18);
  record[25] = directory ? 2 : 0;
  writeBoth16(view, 28, 1);
  record[32] = name.length;
  writeText(record, 33, name);
  return record;
}

function writeText(into: Uint8Array, offset: number, text: string): void {
  for (let i = 0; i < text.length; i++) into[offset + i] = text.charCodeAt(i);
}

/** A number in both byte orders (ECMA-119 §7.3.3). */
function writeBoth32(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value, true);
  view.setUint32(offset + 4, value, false);
}

/** ECMA-119 §7.2.3. */
function writeBoth16(view: DataView, offset: number, value: number): void {
  view.setUint16(offset, value, true);
  view.setUint16(offset + 2, value, false);
}
