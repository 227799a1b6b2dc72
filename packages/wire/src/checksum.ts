import type { Ipv6Address } from './address/ipv6.ts';
import { readU16 } from './network-order.ts';

/**
 * The Internet checksum (RFC 1071). A *sum* is a one's complement sum folded to 16 bits, 0 to 0xffff; sums of
 * parts are added with {@link addSums}, and the field on the wire is the complement of the whole sum.
 */

/** The platform's byte order: sums of native 16-bit words only need a swap at the end (RFC 1071 §2 (B)). */
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
/** Below this, making a word view costs more than it saves (measured in bench/wire). */
const WORD_VIEW_MIN_BYTES = 512;
/** 2 × 16,384 additions of 16 bits cannot overflow 31 bits. */
const CHUNK_WORDS = 16_384;

/** The sum of `bytes[offset, end)`; an odd last byte counts as the high half of a word. */
export function sumBytes(bytes: Uint8Array, offset: number, end: number): number {
  return end - offset >= WORD_VIEW_MIN_BYTES
    ? sumByWords(bytes, offset, end)
    : sumByPairs(bytes, offset, end);
}

/** Adds two sums. */
export function addSums(one: number, other: number): number {
  return foldSum(one + other);
}

/** Folds up to 2^32 - 1 into 16 bits, carries added back in. */
export function foldSum(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** What goes into the checksum field for `bytes[offset, end)`, whose own checksum field is zero. */
export function internetChecksum(bytes: Uint8Array, offset: number, end: number, initialSum = 0): number {
  return ~addSums(sumBytes(bytes, offset, end), initialSum) & 0xffff;
}

/** Whether `bytes[offset, end)` with its checksum field in place sums to all ones. */
export function checksumHolds(bytes: Uint8Array, offset: number, end: number, initialSum = 0): boolean {
  return addSums(sumBytes(bytes, offset, end), initialSum) === 0xffff;
}

/** RFC 9293 §3.1, RFC 768: the sum of the IPv4 pseudo header; `length` of the transport header and payload. */
export function pseudoSumV4(source: number, destination: number, protocol: number, length: number): number {
  return foldSum(
    (source >>> 16) +
      (source & 0xffff) +
      (destination >>> 16) +
      (destination & 0xffff) +
      protocol +
      (length & 0xffff),
  );
}

/** RFC 8200 §8.1: the sum of the IPv6 pseudo header. */
export function pseudoSumV6(
  source: Ipv6Address,
  destination: Ipv6Address,
  protocol: number,
  length: number,
): number {
  return foldSum(wordsOf(source) + wordsOf(destination) + protocol + (length >>> 16) + (length & 0xffff));
}

/**
 * The pseudo header's sum read from an IP header in place: `addressesOffset` is where source and destination
 * stand one after the other (12 in IPv4, 8 in IPv6), `addressLength` 4 or 16.
 */
export function pseudoSumAt(
  bytes: Uint8Array,
  addressesOffset: number,
  of: { readonly addressLength: 4 | 16; readonly protocol: number; readonly length: number },
): number {
  const addresses = sumByPairs(bytes, addressesOffset, addressesOffset + 2 * of.addressLength);
  return foldSum(addresses + of.protocol + (of.length >>> 16) + (of.length & 0xffff));
}

function wordsOf(address: Ipv6Address): number {
  const { a, b, c, d } = address;
  const high = (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
  return high + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
}

function sumByPairs(bytes: Uint8Array, offset: number, end: number): number {
  let sum = 0;
  let at = offset;
  for (const last = end - 7; at < last; at += 8) {
    sum +=
      ((bytes[at] << 8) | bytes[at + 1]) +
      ((bytes[at + 2] << 8) | bytes[at + 3]) +
      ((bytes[at + 4] << 8) | bytes[at + 5]) +
      ((bytes[at + 6] << 8) | bytes[at + 7]);
  }
  for (; at + 1 < end; at += 2) sum += readU16(bytes, at);
  if (at < end) sum += bytes[at] << 8;
  return foldSum(sum);
}

/** Sums native 32-bit words from the first aligned address on. */
function sumByWords(bytes: Uint8Array, offset: number, end: number): number {
  const misaligned = (bytes.byteOffset + offset) & 3;
  const head = offset + ((4 - misaligned) & 3);
  const wordCount = (end - head) >>> 2;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + head, wordCount);
  let sum = 0;
  for (let from = 0; from < wordCount; from += CHUNK_WORDS) {
    sum += sumWords(words, from, Math.min(wordCount, from + CHUNK_WORDS));
  }
  const native = foldSum(sum);
  const middle = LITTLE_ENDIAN ? swap(native) : native;
  const oddHead = ((head - offset) & 1) === 1;
  const before = sumByPairs(bytes, offset, head);
  const rest = addSums(middle, sumByPairs(bytes, head + 4 * wordCount, end));
  return addSums(before, oddHead ? swap(rest) : rest);
}

function sumWords(words: Uint32Array, from: number, to: number): number {
  let low = 0;
  let high = 0;
  let at = from;
  for (const last = to - 7; at < last; at += 8) {
    const w0 = words[at];
    const w1 = words[at + 1];
    const w2 = words[at + 2];
    const w3 = words[at + 3];
    const w4 = words[at + 4];
    const w5 = words[at + 5];
    const w6 = words[at + 6];
    const w7 = words[at + 7];
    low = (low + (w0 & 0xffff) + (w1 & 0xffff) + (w2 & 0xffff) + (w3 & 0xffff)) | 0;
    high = (high + (w0 >>> 16) + (w1 >>> 16) + (w2 >>> 16) + (w3 >>> 16)) | 0;
    low = (low + (w4 & 0xffff) + (w5 & 0xffff) + (w6 & 0xffff) + (w7 & 0xffff)) | 0;
    high = (high + (w4 >>> 16) + (w5 >>> 16) + (w6 >>> 16) + (w7 >>> 16)) | 0;
  }
  for (; at < to; at++) {
    low += words[at] & 0xffff;
    high += words[at] >>> 16;
  }
  return foldSum(low) + foldSum(high);
}

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
