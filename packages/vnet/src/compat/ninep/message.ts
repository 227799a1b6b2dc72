/** 9P2000 (Plan 9 manual, section 5): the messages that a file server without links and locks needs. */

export const NINEP_HEADER_LEN = 7;
export const NINEP_TYPES = {
  version: 100,
  auth: 102,
  attach: 104,
  error: 107,
  flush: 108,
  walk: 110,
  open: 112,
  create: 114,
  read: 116,
  write: 118,
  clunk: 120,
  remove: 122,
  stat: 124,
  wstat: 126,
} as const;

/** A file's identity (intro(5)): type, version, path. */
export interface Qid {
  readonly isFolder: boolean;
  readonly path: number;
}

const QTDIR = 0x80;
export const DMDIR = 0x8000_0000;
/** What comes before an entry's name: length, type, device, qid, mode, two times, size. */
const STAT_NAME_OFFSET = 2 + 2 + 4 + 13 + 4 + 4 + 4 + 8;

/** Reads a message's fields one after the other; `failed` once there were fewer bytes than asked for. */
export class MessageReader {
  failed = false;
  readonly #bytes: Buffer;
  #at = NINEP_HEADER_LEN;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get type(): number {
    return this.#bytes[4] ?? 0;
  }

  get tag(): number {
    return this.#bytes.readUInt16LE(5);
  }

  u8(): number {
    return this.#take(1).readUInt8(0);
  }

  u16(): number {
    return this.#take(2).readUInt16LE(0);
  }

  u32(): number {
    return this.#take(4).readUInt32LE(0);
  }

  u64(): number {
    return this.u32() + this.u32() * 2 ** 32;
  }

  text(): string {
    return this.#take(this.u16()).toString('utf8');
  }

  data(): Uint8Array {
    return Uint8Array.from(this.#take(this.u32()));
  }

  /** The name in a wstat's entry: empty where it is to stay. */
  statName(): string {
    this.u16();
    this.#take(STAT_NAME_OFFSET);
    return this.text();
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) {
      this.failed = true;
      return Buffer.alloc(Math.max(8, Math.min(length, 16)));
    }
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}

/** Builds one answer. */
export class MessageWriter {
  readonly #parts: Buffer[] = [];

  u8(value: number): this {
    return this.#put(1, (bytes) => bytes.writeUInt8(value));
  }

  u16(value: number): this {
    return this.#put(2, (bytes) => bytes.writeUInt16LE(value));
  }

  u32(value: number): this {
    return this.#put(4, (bytes) => bytes.writeUInt32LE(value));
  }

  u64(value: number): this {
    return this.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32));
  }

  text(value: string): this {
    const bytes = Buffer.from(value);
    this.u16(bytes.length);
    this.#parts.push(bytes);
    return this;
  }

  data(value: Uint8Array): this {
    this.u32(value.length);
    this.#parts.push(Buffer.from(value));
    return this;
  }

  qid({ isFolder, path }: Qid): this {
    return this.u8(isFolder ? QTDIR : 0)
      .u32(0)
      .u64(path);
  }

  /** stat(5): an entry with its own length before it. */
  stat(name: string, qid: Qid, length = 0): this {
    const entry = new MessageWriter()
      .u16(0)
      .u32(0)
      .qid(qid)
      .u32(qid.isFolder ? (DMDIR | 0o700) >>> 0 : 0o600)
      .u32(0)
      .u32(0)
      .u64(length)
      .text(name)
      .text('root')
      .text('root')
      .text('root')
      .body();
    this.u16(entry.length);
    this.#parts.push(entry);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#parts.push(Buffer.from(value));
    return this;
  }

  body(): Buffer {
    return Buffer.concat(this.#parts);
  }

  message(type: number, tag: number): Buffer {
    const body = this.body();
    const header = Buffer.alloc(NINEP_HEADER_LEN);
    header.writeUInt32LE(NINEP_HEADER_LEN + body.length);
    header.writeUInt8(type, 4);
    header.writeUInt16LE(tag, 5);
    return Buffer.concat([header, body]);
  }

  #put(length: number, write: (bytes: Buffer) => void): this {
    const bytes = Buffer.alloc(length);
    write(bytes);
    this.#parts.push(bytes);
    return this;
  }
}
