import fc from 'fast-check';
import { encodePlainName, formatLabel } from '../dns/plain-name.ts';

export const u8 = fc.integer({ min: 0, max: 0xff });
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
export const mac = fc.integer({ min: 0, max: 0xffff_ffff_ffff });
export const ipv6 = fc.record({ a: u32, b: u32, c: u32, d: u32 });

export function bytes(minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength, maxLength });
}

/** Names of up to four labels of any bytes, in their text form. */
export const dnsName = fc
  .array(bytes(1, 20), { maxLength: 4 })
  .map((labels) => labels.map((label) => formatLabel(label, 0, label.length)).join('.'))
  .filter((name) => encodePlainName(name) !== undefined);
