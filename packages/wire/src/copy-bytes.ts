/**
 * A copy of `bytes[offset, end)` that is a plain `Uint8Array`. Not `slice`: Node's `Buffer`, which is one too
 * and what sockets give, overrides it to share memory.
 */
export function copyBytes(bytes: Uint8Array, offset: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(offset, end));
}
