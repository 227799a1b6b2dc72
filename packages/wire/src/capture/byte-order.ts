import { readU16, readU32 } from '../network-order.ts';

/** Captures are in their writer's byte order; ours are little-endian. */

export function readCaptureU16(bytes: Uint8Array, offset: number, littleEndian: boolean): number {
  return littleEndian ? bytes[offset] | (bytes[offset + 1] << 8) : readU16(bytes, offset);
}

export function readCaptureU32(bytes: Uint8Array, offset: number, littleEndian: boolean): number {
  if (!littleEndian) return readU32(bytes, offset);
  return (readCaptureU16(bytes, offset, true) | (readCaptureU16(bytes, offset + 2, true) << 16)) >>> 0;
}

export function writeLittleU16(into: Uint8Array, offset: number, value: number): void {
  into[offset] = value;
  into[offset + 1] = value >>> 8;
}

export function writeLittleU32(into: Uint8Array, offset: number, value: number): void {
  writeLittleU16(into, offset, value);
  writeLittleU16(into, offset + 2, value >>> 16);
}
