import { copyBytes } from '../copy-bytes.ts';
import type { Malformed } from '../malformed.ts';
import { readCaptureU16, writeLittleU16 } from './byte-order.ts';

/** Codes of options; a code means something else in each kind of block. This one: in a section's header (draft-ietf-opsawg-pcapng §4.1). */
export const PCAPNG_SECTION_APPLICATION = 4;
/** In an interface's description (§4.2). */
export const PCAPNG_INTERFACE_NAME = 2;
/** One byte: digits after the point, of seconds; with the high bit set binary ones. */
export const PCAPNG_INTERFACE_RESOLUTION = 9;
/** In an enhanced packet (§4.3), 32 bits; the lowest two: 1 received by the interface, 2 sent. */
export const PCAPNG_PACKET_FLAGS = 2;

/** An option as it stands in a block; numbers inside are in the file's byte order. */
export interface PcapngOption {
  readonly code: number;
  readonly value: Uint8Array;
}

/** An option of UTF-8 text. */
export function pcapngText(code: number, text: string): PcapngOption {
  const value: number[] = [];
  for (const character of text) pushUtf8(value, character.codePointAt(0) ?? 0);
  return { code, value: Uint8Array.from(value) };
}

/** An option of 32 bits, in the order in which we write. */
export function pcapngU32(code: number, number: number): PcapngOption {
  return { code, value: Uint8Array.of(number, number >>> 8, number >>> 16, number >>> 24) };
}

/** The options in `[offset, of.end)`: up to the end-of-options or the block's end. */
export function parsePcapngOptions(
  bytes: Uint8Array,
  offset: number,
  of: { readonly end: number; readonly littleEndian: boolean },
): PcapngOption[] | Malformed {
  const options: PcapngOption[] = [];
  for (let at = offset; at < of.end; ) {
    if (of.end - at < 4) return 'truncated';
    const code = readCaptureU16(bytes, at, of.littleEndian);
    const length = readCaptureU16(bytes, at + 2, of.littleEndian);
    if (code === 0) break;
    if (length > of.end - at - 4) return 'truncated';
    options.push({ code, value: copyBytes(bytes, at + 4, at + 4 + length) });
    at += 4 + ((length + 3) & ~3);
  }
  return options;
}

/** Bytes that {@link emitPcapngOptions} writes: none without options, else with their end. */
export function pcapngOptionsLength(options: readonly PcapngOption[]): number {
  if (options.length === 0) return 0;
  return options.reduce((length, { value }) => length + 4 + ((value.length + 3) & ~3), 4);
}

/** Writes the options and their end, and returns where that is. */
export function emitPcapngOptions(
  options: readonly PcapngOption[],
  into: Uint8Array,
  offset: number,
): number {
  if (options.length === 0) return offset;
  let at = offset;
  for (const { code, value } of options) {
    const next = at + 4 + ((value.length + 3) & ~3);
    writeLittleU16(into, at, code);
    writeLittleU16(into, at + 2, value.length);
    into.set(value, at + 4);
    into.fill(0, at + 4 + value.length, next);
    at = next;
  }
  into.fill(0, at, at + 4);
  return at + 4;
}

/** By hand, for QuickJS has no `TextEncoder`. */
function pushUtf8(into: number[], code: number): void {
  if (code < 0x80) into.push(code);
  else if (code < 0x800) into.push(0xc0 | (code >>> 6), 0x80 | (code & 63));
  else if (code < 0x1_0000) into.push(0xe0 | (code >>> 12), 0x80 | ((code >>> 6) & 63), 0x80 | (code & 63));
  else {
    into.push(0xf0 | (code >>> 18), 0x80 | ((code >>> 12) & 63));
    into.push(0x80 | ((code >>> 6) & 63), 0x80 | (code & 63));
  }
}
