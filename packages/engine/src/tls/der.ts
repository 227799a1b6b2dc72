/** DER (ITU-T X.690), as much of it as a certificate needs. */

/** Tag, length, content: §8.1. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  const header = [tag, ...encodeLength(length)];
  const out = new Uint8Array(header.length + length);
  out.set(header);
  let at = header.length;
  for (const content of contents) {
    out.set(content, at);
    at += content.length;
  }
  return out;
}

export const sequence = (...contents: readonly Uint8Array[]): Uint8Array => der(0x30, ...contents);
export const setOf = (...contents: readonly Uint8Array[]): Uint8Array => der(0x31, ...contents);
export const utf8String = (text: string): Uint8Array => der(0x0c, new TextEncoder().encode(text));
export const octetString = (content: Uint8Array): Uint8Array => der(0x04, content);
export const boolean = (value: boolean): Uint8Array => der(0x01, Uint8Array.of(value ? 0xff : 0));
/** `[number]`, constructed. */
export const context = (number: number, content: Uint8Array): Uint8Array => der(0xa0 | number, content);
/** `[number] IMPLICIT`, primitive. */
export const implicit = (number: number, content: Uint8Array): Uint8Array => der(0x80 | number, content);

export function bitString(content: Uint8Array, unusedBits = 0): Uint8Array {
  return der(0x03, Uint8Array.of(unusedBits), content);
}

/** A number that is not negative, most significant byte first. */
export function integer(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const digits = bytes.subarray(start);
  return (digits[0] ?? 0) >= 0x80 ? der(0x02, Uint8Array.of(0), digits) : der(0x02, digits);
}

/** `1.2.840.10045`: §8.19. */
export function objectIdentifier(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return der(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** UTCTime up to 2049, GeneralizedTime after: RFC 5280 §4.1.2.5. */
export function time(ms: number): Uint8Array {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  const text = new TextEncoder();
  return Number(digits.slice(0, 4)) < 2050
    ? der(0x17, text.encode(digits.slice(2)))
    : der(0x18, text.encode(digits));
}

function encodeLength(length: number): number[] {
  if (length < 0x80) return [length];
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return [0x80 | digits.length, ...digits];
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    digits.unshift(0x80 | (rest % 128));
  }
  return digits;
}
