/** A structure being laid out: fixed offsets, either byte order. Offsets come from the format's specification. */
export class Layout {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(lengthOrBytes: number | Uint8Array) {
    this.bytes = typeof lengthOrBytes === 'number' ? new Uint8Array(lengthOrBytes) : lengthOrBytes;
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  u8(offset: number, value: number): this {
    this.#view.setUint8(offset, value);
    return this;
  }

  u16le(offset: number, value: number): this {
    this.#view.setUint16(offset, value, true);
    return this;
  }

  u16be(offset: number, value: number): this {
    this.#view.setUint16(offset, value);
    return this;
  }

  u32le(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  u32be(offset: number, value: number): this {
    this.#view.setUint32(offset, value);
    return this;
  }

  /** @param value a non-negative safe integer. */
  u64le(offset: number, value: number): this {
    return this.u32le(offset, value % 0x1_0000_0000).u32le(offset + 4, Math.floor(value / 0x1_0000_0000));
  }

  /** @param value a non-negative safe integer. */
  u64be(offset: number, value: number): this {
    return this.u32be(offset, Math.floor(value / 0x1_0000_0000)).u32be(offset + 4, value % 0x1_0000_0000);
  }

  set(offset: number, bytes: Uint8Array): this {
    this.bytes.set(bytes, offset);
    return this;
  }

  /** Latin-1 text, cut or padded with `pad` to `length` bytes. */
  text(offset: number, text: string, length = text.length, pad = 0): this {
    for (let i = 0; i < length; i++) this.u8(offset + i, i < text.length ? text.charCodeAt(i) & 0xff : pad);
    return this;
  }

  /** UTF-16LE text. */
  utf16le(offset: number, text: string): this {
    for (let i = 0; i < text.length; i++) this.u16le(offset + i * 2, text.charCodeAt(i));
    return this;
  }
}

/** The least multiple of `unit` that is not below `value`. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Whether `bytes` holds nothing but zeros from `from` to `to`. */
export function isZero(bytes: Uint8Array, from = 0, to = bytes.length): boolean {
  let at = from;
  // Most content shows at once what it is.
  if (at < to && bytes[at] !== 0) return false;
  while (at < to && (bytes.byteOffset + at) % 4 !== 0) if (bytes[at++] !== 0) return false;
  if (at < to) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (to - at) >> 2);
    for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
    at += words.length * 4;
  }
  for (; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** By their bytes, then by length. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}
