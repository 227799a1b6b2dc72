import { archiveError } from './errors.ts';
import { decodeName, encodeName } from './name.ts';

/** Where tar programs keep extended attributes in pax records. */
export const XATTR_PREFIX = 'SCHILY.xattr.';

/**
 * Parses `LENGTH KEY=VALUE\n` records. Values stay bytes: attributes are binary.
 *
 * @throws OrlopError archive.malformed
 */
export function parsePaxRecords(bytes: Uint8Array, offset: number): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  let at = 0;
  while (at < bytes.length) {
    let length = 0;
    let digits = at;
    while (digits < bytes.length && digits - at < 8) {
      const byte = bytes[digits] ?? 0;
      if (byte < 0x30 || byte > 0x39) break;
      length = length * 10 + (byte - 0x30);
      digits++;
    }
    const end = at + length;
    const equals = bytes.indexOf(0x3d, digits);
    if (
      digits === at ||
      bytes[digits] !== 0x20 ||
      end > bytes.length ||
      bytes[end - 1] !== 0x0a ||
      equals === -1 ||
      equals <= digits + 1 ||
      equals > end - 2
    )
      throw archiveError('archive.malformed', `the pax header at byte ${offset} has a bad record at ${at}`);
    records.set(decodeName(bytes.subarray(digits + 1, equals)), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** The inverse of {@link parsePaxRecords}, in the order of the keys' code units, so that it is repeatable. */
export function encodePaxRecords(records: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const pieces: Uint8Array[] = [];
  let total = 0;
  for (const key of [...records.keys()].sort(byCodeUnit)) {
    const value = records.get(key) ?? new Uint8Array(0);
    const piece = encodeRecord(encodeName(key), value);
    pieces.push(piece);
    total += piece.length;
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function encodeRecord(key: Uint8Array, value: Uint8Array): Uint8Array {
  const rest = key.length + value.length + 3; // space, equals sign, newline
  let length = rest + 1;
  // The length counts its own digits.
  while (length !== rest + String(length).length) length = rest + String(length).length;
  const bytes = new Uint8Array(length);
  const digits = String(length);
  for (let i = 0; i < digits.length; i++) bytes[i] = digits.charCodeAt(i);
  let at = digits.length;
  bytes[at++] = 0x20;
  bytes.set(key, at);
  at += key.length;
  bytes[at++] = 0x3d;
  bytes.set(value, at);
  bytes[length - 1] = 0x0a;
  return bytes;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
