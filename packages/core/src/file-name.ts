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

/** The same name in memory of its own: a part of a string keeps all of that string. */
export function detachName(name: string): string {
  return decodeName(encodeName(name));
}

/** Whether the name stands for bytes that are no UTF-8. */
export function hasRawBytes(name: string): boolean {
  return /[\udc80-\udcff]/u.test(name);
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
