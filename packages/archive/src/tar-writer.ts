import { ChunkPacker } from './chunk-packer.ts';
import type { EntryHeader, EntryStream, EntryType } from './entry.ts';
import { archiveError } from './errors.ts';
import { encodeName, hasRawBytes } from './name.ts';
import { encodePaxRecords, XATTR_PREFIX } from './pax-records.ts';
import { FIELD, headerChecksum, TAR_BLOCK_BYTES } from './tar-header.ts';

const TYPEFLAG: Readonly<Record<EntryType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;
const encoder = new TextEncoder();

/**
 * Writes a pax archive: ustar headers, with an extended header only where a value does not fit or a record is
 * asked for. The bytes depend on the entries alone.
 *
 * @throws OrlopError archive.size-mismatch when a body has another length than its header
 */
export async function* writeTar(entries: EntryStream): AsyncGenerator<Uint8Array> {
  const packer = new ChunkPacker();
  for await (const { header, body } of entries) {
    for (const block of encodeTarHeader(header)) packer.add(block);
    let written = 0;
    if (header.sizeBytes > 0) {
      for await (const chunk of body) {
        written += chunk.length;
        if (written > header.sizeBytes) break;
        packer.add(chunk);
        for (let ready = packer.shift(); ready !== undefined; ready = packer.shift()) yield ready;
      }
    }
    if (written !== header.sizeBytes)
      throw archiveError(
        'archive.size-mismatch',
        `${JSON.stringify(header.name)} should have ${header.sizeBytes} bytes, but its content has ${
          written > header.sizeBytes ? 'more' : written
        }`,
      );
    packer.addZeros((TAR_BLOCK_BYTES - (written % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES);
    for (let ready = packer.shift(); ready !== undefined; ready = packer.shift()) yield ready;
  }
  packer.addZeros(2 * TAR_BLOCK_BYTES);
  packer.flush();
  for (let ready = packer.shift(); ready !== undefined; ready = packer.shift()) yield ready;
}

/** The blocks that stand before a member's content. */
export function encodeTarHeader(header: EntryHeader): readonly Uint8Array[] {
  const records = new Map<string, Uint8Array>();
  for (const [key, value] of header.pax ?? []) records.set(key, encodeName(value));
  for (const [key, value] of header.xattrs ?? []) records.set(XATTR_PREFIX + key, value);

  const block = new Uint8Array(TAR_BLOCK_BYTES);
  const fullName = header.type === 'directory' ? `${header.name === '' ? '.' : header.name}/` : header.name;
  putName(block, encodeName(fullName), fullName, records);
  if (header.linkName !== undefined) {
    putText(block, { field: 'linkName', text: header.linkName, key: 'linkpath', records });
  }
  putOctal(block, 'mode', header.mode & 0o7777);
  putNumber(block, { field: 'uid', value: header.uid, most: MAX_OCTAL_7, records });
  putNumber(block, { field: 'gid', value: header.gid, most: MAX_OCTAL_7, records });
  putNumber(block, { field: 'size', value: header.sizeBytes, most: MAX_OCTAL_11, records });
  putMtime(block, header.mtime, records);
  block[FIELD.typeflag[0]] = TYPEFLAG[header.type].charCodeAt(0);
  block.set(encoder.encode('ustar\x0000'), FIELD.magic[0]);
  putText(block, { field: 'uname', text: header.uname ?? '', key: 'uname', records });
  putText(block, { field: 'gname', text: header.gname ?? '', key: 'gname', records });
  if (header.type === 'char' || header.type === 'block') {
    putDevice(block, 'devMajor', header);
    putDevice(block, 'devMinor', header);
  }
  putChecksum(block);
  if (records.size === 0) return [block];
  return [...encodeExtended(fullName, records), block];
}

function encodeExtended(name: string, records: ReadonlyMap<string, Uint8Array>): Uint8Array[] {
  const content = encodePaxRecords(records);
  const block = new Uint8Array(TAR_BLOCK_BYTES);
  // The name is for readers that do not know pax: they extract the records as such a file.
  const base = name.replace(/\/$/, '').split('/').pop() ?? '';
  const label = `PaxHeaders/${base.replace(/[^\x20-\x7e]/g, '_').slice(0, 80)}`;
  block.set(encoder.encode(label), FIELD.name[0]);
  putOctal(block, 'mode', 0o644);
  putOctal(block, 'uid', 0);
  putOctal(block, 'gid', 0);
  putOctal(block, 'size', content.length);
  putOctal(block, 'mtime', 0);
  block[FIELD.typeflag[0]] = 'x'.charCodeAt(0);
  block.set(encoder.encode('ustar\x0000'), FIELD.magic[0]);
  putChecksum(block);
  const padded = new Uint8Array(Math.ceil(content.length / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES);
  padded.set(content);
  return [block, padded];
}

/** The name field takes 100 bytes, and with the prefix field 255, split at a slash. */
function putName(block: Uint8Array, bytes: Uint8Array, name: string, records: Map<string, Uint8Array>): void {
  const plain = bytes.length === name.length || hasRawBytes(name);
  if (plain && bytes.length <= FIELD.name[1]) {
    block.set(bytes, FIELD.name[0]);
    return;
  }
  if (plain && bytes.length <= FIELD.name[1] + 1 + FIELD.prefix[1]) {
    for (let slash = Math.min(FIELD.prefix[1], bytes.length - 2); slash > 0; slash--) {
      if (bytes[slash] !== 0x2f) continue;
      if (bytes.length - slash - 1 > FIELD.name[1]) break;
      block.set(bytes.subarray(0, slash), FIELD.prefix[0]);
      block.set(bytes.subarray(slash + 1), FIELD.name[0]);
      return;
    }
  }
  records.set('path', bytes);
  if (hasRawBytes(name)) records.set('hdrcharset', encoder.encode('BINARY'));
  block.set(asciiBytes(name).subarray(0, FIELD.name[1]), FIELD.name[0]);
}

function putText(
  block: Uint8Array,
  {
    field,
    text,
    key,
    records,
  }: {
    field: 'linkName' | 'uname' | 'gname';
    text: string;
    key: string;
    records: Map<string, Uint8Array>;
  },
): void {
  const [offset, length] = FIELD[field];
  const bytes = encodeName(text);
  const room = field === 'linkName' ? length : length - 1; // user names end in a NUL, links need not
  if (bytes.length <= room && (bytes.length === text.length || hasRawBytes(text))) {
    block.set(bytes, offset);
    return;
  }
  records.set(key, bytes);
  if (hasRawBytes(text)) records.set('hdrcharset', encoder.encode('BINARY'));
  block.set(asciiBytes(text).subarray(0, room), offset);
}

function putNumber(
  block: Uint8Array,
  {
    field,
    value,
    most,
    records,
  }: { field: 'uid' | 'gid' | 'size'; value: number; most: number; records: Map<string, Uint8Array> },
): void {
  if (value <= most) {
    putOctal(block, field, value);
    return;
  }
  records.set(field, encoder.encode(String(value)));
  putOctal(block, field, 0);
}

function putMtime(block: Uint8Array, mtime: number, records: Map<string, Uint8Array>): void {
  const whole = Math.floor(mtime);
  const fits = whole >= 0 && whole <= MAX_OCTAL_11;
  if (!fits || whole !== mtime) {
    const text = mtime.toFixed(9).replace(/\.?0+$/, '');
    records.set('mtime', encoder.encode(text));
  }
  putOctal(block, 'mtime', fits ? whole : 0);
}

function putDevice(block: Uint8Array, field: 'devMajor' | 'devMinor', header: EntryHeader): void {
  const value = (field === 'devMajor' ? header.deviceMajor : header.deviceMinor) ?? 0;
  if (value > MAX_OCTAL_7)
    throw archiveError(
      'archive.too-large',
      `${JSON.stringify(header.name)} has the device number ${value}; tar takes at most ${MAX_OCTAL_7}`,
    );
  putOctal(block, field, value);
}

/** Zero-padded octal digits and a NUL. */
function putOctal(block: Uint8Array, field: keyof typeof FIELD, value: number): void {
  const [offset, length] = FIELD[field];
  let rest = value;
  for (let i = offset + length - 2; i >= offset; i--) {
    block[i] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}

function putChecksum(block: Uint8Array): void {
  const sum = headerChecksum(block).toString(8).padStart(6, '0');
  block.set(encoder.encode(`${sum}\0 `), FIELD.checksum[0]);
}

function asciiBytes(text: string): Uint8Array {
  return encoder.encode(text.replace(/[^\x20-\x7e]/g, '_'));
}
