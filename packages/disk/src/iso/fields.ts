import { Layout } from '../bytes.ts';

/** ECMA-119 (ISO 9660). */
export const ISO_SECTOR_BYTES = 2048;

/** A number in both byte orders, little endian first (7.2.3, 7.3.3). */
export function both16(layout: Layout, at: number, value: number): void {
  layout.u16le(at, value).u16be(at + 2, value);
}

/** A number in both byte orders (ECMA-119 §7.3.3). */
export function both32(layout: Layout, at: number, value: number): void {
  layout.u32le(at, value).u32be(at + 4, value);
}

/** {@link both32} without a layout: directories have thousands. */
export function putBoth32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = bytes[at + 7] = value & 0xff;
  bytes[at + 1] = bytes[at + 6] = (value >>> 8) & 0xff;
  bytes[at + 2] = bytes[at + 5] = (value >>> 16) & 0xff;
  bytes[at + 3] = bytes[at + 4] = value >>> 24;
}

/** 9.1.5: seven bytes, UTC; years from 1900 to 2155. */
export function shortDate(mtime: number): Uint8Array {
  const date = new Date(Math.min(Math.max(mtime * 1000, FIRST_SHORT_DATE), LAST_SHORT_DATE));
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

const FIRST_SHORT_DATE = Date.UTC(1900, 0);
const LAST_SHORT_DATE = Date.UTC(2156, 0) - 1;

/** Dates of many records, of which neighbours mostly have the same. */
export class ShortDates {
  #mtime = 0;
  #date = shortDate(0);

  put(bytes: Uint8Array, at: number, mtime: number): void {
    if (mtime !== this.#mtime) {
      this.#mtime = mtime;
      this.#date = shortDate(mtime);
    }
    bytes.set(this.#date, at);
  }
}

/** 8.4.26.1: sixteen digits and a zone, UTC. */
export function longDate(mtime: number): Uint8Array {
  const digits = new Date(mtime * 1000).toISOString().replace(/\D/g, '').slice(0, 16);
  return new Layout(17).text(0, digits).bytes;
}

/** Sectors that so many bytes take. */
export function sectorsOf(bytes: number): number {
  return Math.ceil(bytes / ISO_SECTOR_BYTES);
}
