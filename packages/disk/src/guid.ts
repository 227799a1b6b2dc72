import { diskError } from './errors.ts';

/** A GUID as text, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`. */
export type Guid = string;

/** The 16 bytes as UEFI and Microsoft store them: the first three fields little endian. */
export function guidBytes(guid: Guid): Uint8Array {
  const hex = guid.replaceAll('-', '');
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw diskError('disk.bad-option', `"${guid}" is no GUID`);
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (at) => Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16));
}

/** A version-8 GUID (RFC 9562 §5.8) out of 16 bytes of a digest: the same content, the same GUID. */
export function guidFromBytes(bytes: Uint8Array): Guid {
  const own = Uint8Array.from(bytes.subarray(0, 16));
  own[6] = ((own[6] as number) & 0x0f) | 0x80;
  own[8] = ((own[8] as number) & 0x3f) | 0x80;
  const hex = Array.from(own, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
