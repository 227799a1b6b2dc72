import { Layout } from '../bytes.ts';

/** ECMA-119 (ISO 9660). */
export const ISO_SECTOR_BYTES = 2048;

/** A number in both byte orders, little endian first (7.2.3, 7.3.3). */
export function both16(layout: Layout, at: number, value: number): void {
  layout.u16le(at, value).u16be(at + 2, value);
}

export function both32(layout: Layout, at: number, value: number): void {
  layout.u32le(at, value).u32be(at + 4, value);
}

export function bytesOfBoth32(value: number): Uint8Array {
  const layout = new Layout(8);
  both32(layout, 0, value);
  return layout.bytes;
}

/** 9.1.5: seven bytes, UTC. */
export function shortDate(mtime: number): Uint8Array {
  const date = new Date(mtime * 1000);
  return Uint8Array.of(
    date.getUTCFullYear() - 1900,
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
    0,
  );
}

/** 8.4.26.1: sixteen digits and a zone, UTC. */
export function longDate(mtime: number): Uint8Array {
  const digits = new Date(mtime * 1000).toISOString().replace(/\D/g, '').slice(0, 16);
  return new Layout(17).text(0, digits).bytes;
}

export function sectorsOf(bytes: number): number {
  return Math.ceil(bytes / ISO_SECTOR_BYTES);
}
