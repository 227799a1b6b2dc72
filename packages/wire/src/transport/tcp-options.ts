import { copyBytes } from '../copy-bytes.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32, writeU16, writeU32 } from '../network-order.ts';

const KIND_END = 0;
const KIND_NOP = 1;
const KIND_MSS = 2;
const KIND_WINDOW_SCALE = 3;
const KIND_SACK_PERMITTED = 4;
const KIND_SACK = 5;
const KIND_TIMESTAMPS = 8;

/** The header's 4-bit length leaves room for 40 bytes of options (RFC 9293 §3.1). */
export const MAX_TCP_OPTIONS_LEN = 40;
/** 40 bytes hold four blocks (RFC 2018 §3). */
export const MAX_SACK_BLOCKS = 4;

/** Received data beyond the acknowledgment: `[left, right)` in sequence space (RFC 2018 §3). */
export interface SackBlock {
  readonly left: number;
  readonly right: number;
}

export interface TcpOptions {
  /** Maximum segment size (RFC 9293 §3.7.1). */
  readonly mss?: number;
  readonly sackPermitted?: boolean;
  /** RFC 7323 §3. */
  readonly timestamps?: { readonly value: number; readonly echo: number };
  /** Shift count as sent (RFC 7323 §2). */
  readonly windowScale?: number;
  readonly sack?: readonly SackBlock[];
  /** Options of other kinds, in order. */
  readonly others?: readonly { readonly kind: number; readonly data: Uint8Array }[];
}

export const NO_TCP_OPTIONS: TcpOptions = {};

/**
 * The options of one segment, read in place; reused from segment to segment.
 * After `read` returned undefined, its properties describe that segment.
 */
export class TcpOptionsView {
  /** 0 if absent. */
  mss = 0;
  /** -1 if absent. */
  windowScale = -1;
  sackPermitted = false;
  hasTimestamps = false;
  /** Signed, as serial numbers are compared; and always a small integer to V8. */
  timestampValue = 0;
  timestampEcho = 0;
  sackCount = 0;
  /** left, right, left, right …; the first `2 * sackCount` are of this segment. */
  readonly sackEdges = new Uint32Array(2 * MAX_SACK_BLOCKS);

  /** Reads `[offset, end)`, the bytes between the fixed header and the payload. */
  read(bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
    this.#clear();
    // What nearly every segment of a connection carries (RFC 7323 appendix A): NOP, NOP, timestamps.
    if (end - offset === 12 && readU32(bytes, offset) === 0x0101_080a) {
      this.#readTimestamps(bytes, offset + 2);
      return undefined;
    }
    for (let at = offset; at < end; ) {
      const kind = bytes[at];
      if (kind === KIND_END) return undefined;
      if (kind === KIND_NOP) {
        at++;
        continue;
      }
      const length = optionLength(bytes, at, end);
      if (length === 0) return 'bad-option';
      this.#readOption(bytes, at, length);
      at += length;
    }
    return undefined;
  }

  /** Options of a wrong length are ignored, as Linux and BSD do. */
  #readOption(bytes: Uint8Array, at: number, length: number): void {
    switch (bytes[at]) {
      case KIND_MSS:
        if (length === 4) this.mss = readU16(bytes, at + 2);
        break;
      case KIND_WINDOW_SCALE:
        if (length === 3) this.windowScale = bytes[at + 2];
        break;
      case KIND_SACK_PERMITTED:
        if (length === 2) this.sackPermitted = true;
        break;
      case KIND_TIMESTAMPS:
        if (length === 10) this.#readTimestamps(bytes, at);
        break;
      case KIND_SACK:
        if (length >= 10 && length <= 34 && (length - 2) % 8 === 0) this.#readSack(bytes, at, length);
        break;
    }
  }

  #readTimestamps(bytes: Uint8Array, at: number): void {
    this.hasTimestamps = true;
    this.timestampValue = readU32(bytes, at + 2) | 0;
    this.timestampEcho = readU32(bytes, at + 6) | 0;
  }

  #readSack(bytes: Uint8Array, at: number, length: number): void {
    this.sackCount = (length - 2) / 8;
    for (let edge = 0; edge < 2 * this.sackCount; edge++) {
      this.sackEdges[edge] = readU32(bytes, at + 2 + 4 * edge);
    }
  }

  #clear(): void {
    this.mss = 0;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.hasTimestamps = false;
    this.sackCount = 0;
  }
}

/** The options in `[offset, end)`. */
export function parseTcpOptions(bytes: Uint8Array, offset: number, end: number): TcpOptions | Malformed {
  if (offset === end) return NO_TCP_OPTIONS;
  const view = new TcpOptionsView();
  const malformed = view.read(bytes, offset, end);
  if (malformed !== undefined) return malformed;
  const others = otherOptions(bytes, offset, end);
  const sack: SackBlock[] = [];
  for (let block = 0; block < view.sackCount; block++) {
    sack.push({ left: view.sackEdges[2 * block], right: view.sackEdges[2 * block + 1] });
  }
  return {
    ...(view.mss > 0 && { mss: view.mss }),
    ...(view.sackPermitted && { sackPermitted: true }),
    ...(view.hasTimestamps && {
      timestamps: { value: view.timestampValue >>> 0, echo: view.timestampEcho >>> 0 },
    }),
    ...(view.windowScale >= 0 && { windowScale: view.windowScale }),
    ...(sack.length > 0 && { sack }),
    ...(others.length > 0 && { others }),
  };
}

/** Bytes that {@link emitTcpOptions} writes: a multiple of 4. */
export function tcpOptionsLength(options: TcpOptions): number {
  if (options === NO_TCP_OPTIONS) return 0;
  const aligned = alignedLength(options);
  return aligned > MAX_TCP_OPTIONS_LEN ? (packedLength(options) + 3) & ~3 : aligned;
}

/**
 * Writes the options in the order and with the padding that Linux uses, so that its segments replay byte for
 * byte, and returns the end; where that padding does not fit, without it. More than
 * {@link MAX_TCP_OPTIONS_LEN} bytes is the caller's bug.
 */
export function emitTcpOptions(options: TcpOptions, into: Uint8Array, offset: number): number {
  if (options === NO_TCP_OPTIONS) return offset;
  const padded = alignedLength(options) <= MAX_TCP_OPTIONS_LEN;
  const { timestamps, sack } = options;
  let at = offset;
  if (options.mss !== undefined) {
    writeU16(into, at, (KIND_MSS << 8) | 4);
    writeU16(into, at + 2, options.mss);
    at += 4;
  }
  if (options.sackPermitted === true) {
    // Before timestamps it takes the place of their two NOPs.
    if (padded && timestamps === undefined) at = emitNops(2, into, at);
    writeU16(into, at, (KIND_SACK_PERMITTED << 8) | 2);
    at += 2;
  }
  if (timestamps !== undefined) {
    if (padded && options.sackPermitted !== true) at = emitNops(2, into, at);
    writeU16(into, at, (KIND_TIMESTAMPS << 8) | 10);
    writeU32(into, at + 2, timestamps.value);
    writeU32(into, at + 6, timestamps.echo);
    at += 10;
  }
  if (options.windowScale !== undefined) {
    if (padded) at = emitNops(1, into, at);
    writeU16(into, at, (KIND_WINDOW_SCALE << 8) | 3);
    into[at + 2] = options.windowScale;
    at += 3;
  }
  if (sack !== undefined && sack.length > 0) {
    if (padded) at = emitNops(2, into, at);
    at = emitSack(sack, into, at);
  }
  for (const other of options.others ?? []) {
    writeU16(into, at, (other.kind << 8) | (2 + other.data.length));
    into.set(other.data, at + 2);
    at += 2 + other.data.length;
  }
  return emitNops((offset - at) & 3, into, at);
}

function alignedLength(options: TcpOptions): number {
  let length = 0;
  if (options.mss !== undefined) length += 4;
  if (options.timestamps !== undefined) length += 12;
  else if (options.sackPermitted === true) length += 4;
  if (options.windowScale !== undefined) length += 4;
  if (options.sack !== undefined && options.sack.length > 0) length += 4 + 8 * options.sack.length;
  return (length + othersLength(options) + 3) & ~3;
}

function packedLength(options: TcpOptions): number {
  let length = 0;
  if (options.mss !== undefined) length += 4;
  if (options.timestamps !== undefined) length += 10;
  if (options.sackPermitted === true) length += 2;
  if (options.windowScale !== undefined) length += 3;
  if (options.sack !== undefined && options.sack.length > 0) length += 2 + 8 * options.sack.length;
  return length + othersLength(options);
}

function othersLength(options: TcpOptions): number {
  let length = 0;
  for (const other of options.others ?? []) length += 2 + other.data.length;
  return length;
}

function emitNops(count: number, into: Uint8Array, offset: number): number {
  for (let index = 0; index < count; index++) into[offset + index] = KIND_NOP;
  return offset + count;
}

function emitSack(blocks: readonly SackBlock[], into: Uint8Array, offset: number): number {
  writeU16(into, offset, (KIND_SACK << 8) | (2 + 8 * blocks.length));
  let at = offset + 2;
  for (const block of blocks) {
    writeU32(into, at, block.left);
    writeU32(into, at + 4, block.right);
    at += 8;
  }
  return at;
}

/** The option's length with kind and length bytes; 0 if it cannot be. Precondition: it is neither END nor NOP. */
function optionLength(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return 0;
  const length = bytes[at + 1];
  return length < 2 || at + length > end ? 0 : length;
}

function otherOptions(bytes: Uint8Array, offset: number, end: number): { kind: number; data: Uint8Array }[] {
  const known = [KIND_MSS, KIND_WINDOW_SCALE, KIND_SACK_PERMITTED, KIND_SACK, KIND_TIMESTAMPS];
  const others: { kind: number; data: Uint8Array }[] = [];
  for (let at = offset; at < end && bytes[at] !== KIND_END; ) {
    if (bytes[at] === KIND_NOP) {
      at++;
      continue;
    }
    const length = optionLength(bytes, at, end);
    if (length === 0) break;
    if (!known.includes(bytes[at]))
      others.push({ kind: bytes[at], data: copyBytes(bytes, at + 2, at + length) });
    at += length;
  }
  return others;
}
