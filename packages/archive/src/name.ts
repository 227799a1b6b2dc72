import { archiveError } from './errors.ts';

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * File names are bytes; this maps them to strings without loss. Valid UTF-8 is decoded as such; in other names
 * each byte from 0x80 up becomes the lone surrogate U+DC00 + byte (Python's PEP 383 does the same per
 * undecodable byte). {@link encodeName} is the inverse.
 */
export function decodeName(bytes: Uint8Array): string {
  let ascii = true;
  for (let i = 0; i < bytes.length; i++) {
    if ((bytes[i] ?? 0) >= 0x80) {
      ascii = false;
      break;
    }
  }
  if (ascii) return latin(bytes, 0);
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return latin(bytes, 0xdc00);
  }
}

/** The bytes of a name that {@link decodeName} or a program made. */
export function encodeName(name: string): Uint8Array {
  if (!hasRawBytes(name)) return encoder.encode(name);
  const bytes = new Uint8Array(name.length * 3);
  let used = 0;
  for (const char of name) {
    const code = char.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) bytes[used++] = code - 0xdc00;
    else used += encoder.encodeInto(char, bytes.subarray(used)).written;
  }
  return bytes.subarray(0, used);
}

/** Whether the name stands for bytes that are no UTF-8. */
export function hasRawBytes(name: string): boolean {
  return /[\udc80-\udcff]/u.test(name);
}

/**
 * The form that {@link EntryHeader} promises: no leading, trailing or double slash, no `.` part; `''` is the
 * root itself. A leading slash is dropped, as every tar does, since real layers carry such names.
 *
 * @throws OrlopError archive.unsafe-name for a `..` part or a NUL
 */
export function normalizeName(name: string): string {
  if (isNormal(name)) return name;
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..')
      throw archiveError('archive.unsafe-name', `the name ${JSON.stringify(name)} leads out of the archive`);
    parts.push(part);
  }
  const normal = parts.join('/');
  if (normal.includes('\0'))
    throw archiveError('archive.unsafe-name', `the name ${JSON.stringify(name)} holds a NUL byte`);
  return normal;
}

/** The common case, decided without allocation: no part is empty or starts with a dot that matters. */
function isNormal(name: string): boolean {
  let partStart = 0;
  for (let i = 0; i <= name.length; i++) {
    const code = i < name.length ? name.charCodeAt(i) : 0x2f;
    if (code === 0) return false;
    if (code !== 0x2f) continue;
    const length = i - partStart;
    if (length === 0) return name.length === 0;
    if (name.charCodeAt(partStart) === 0x2e) {
      if (length === 1 || (length === 2 && name.charCodeAt(partStart + 1) === 0x2e)) return false;
    }
    partStart = i + 1;
  }
  return true;
}

function latin(bytes: Uint8Array, highBase: number): string {
  if (highBase === 0 && bytes.length <= 4096) return String.fromCharCode(...bytes);
  let text = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    text += String.fromCharCode(byte < 0x80 ? byte : highBase + byte);
  }
  return text;
}
