/**
 * A copy of `bytes[offset, end)` that is a plain `Uint8Array`. Not `slice`: Node's `Buffer`, which is one too
 * and what sockets give, overrides it to share memory.
 */
export function copyBytes(bytes: Uint8Array, offset: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(offset, end));
}

/** Up to this length a loop is quicker than `set`, which needs a view of what it copies. */
const SHORT_LEN = 64;

/** Copies `from[at, at + length)` to `into[to ..)`. The two do not overlap. */
export function copyInto(from: Uint8Array, at: number, length: number, into: Uint8Array, to: number): void {
  if (length > SHORT_LEN)
    into.set(at === 0 && length === from.length ? from : from.subarray(at, at + length), to);
  else for (let index = 0; index < length; index++) into[to + index] = from[at + index];
}
