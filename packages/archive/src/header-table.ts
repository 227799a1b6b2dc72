import { decodeName, encodeName, IntColumn } from '@orlop/core';
import type { EntryHeader, EntryType } from './entry.ts';

/** Records lie in blocks of this many bytes; a larger one has a block of its own. */
const BLOCK_BYTES = 1 << 20;
/** Records begin at multiples of this, so that 31 bits say where in 16 GiB one lies. */
const ALIGNMENT = 8;
const UNITS_PER_BLOCK = BLOCK_BYTES / ALIGNMENT;

/** Where in a record what lies. Numbers are little-endian. */
const TYPE = 0;
const FLAGS = 1;
const MODE = 2;
const UID = 4;
const GID = 8;
const NAME_BYTES = 12;
const LINK_BYTES = 16;
const SOURCE = 20;
const REST = 24;
const SIZE = 32;
const MTIME = 40;
const POSITION = 48;
const NAMES = 56;

const HAS_LINK_NAME = 1;
const IS_NAME_ASCII = 2;
const IS_LINK_NAME_ASCII = 4;
const HAS_XATTRS = 8;

const types: readonly EntryType[] = ['file', 'directory', 'symlink', 'hardlink', 'char', 'block', 'fifo'];

/** What many members share, if they have it at all. */
type Rest = Pick<EntryHeader, 'uname' | 'gname' | 'linkCount' | 'deviceMajor' | 'deviceMinor' | 'pax'>;

interface Block {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Where a member's content is: two numbers that are the owner's to read. */
export interface ContentPlace {
  /** Which of the owner's sources it is in, below 2³² - 1, if it is in any. */
  readonly source: number | undefined;
  /** Where in the source. */
  readonly position: number;
}

/**
 * Headers by number and where their contents lie, in about 100 bytes each outside of the heap; as objects they take
 * 500 to 900, and twice that while the collector waits.
 */
export class HeaderTable {
  readonly #blocks: Block[] = [];
  #used = BLOCK_BYTES;
  /** Units from the first block's beginning. */
  readonly #starts = new IntColumn();
  readonly #rests: Rest[] = [];
  readonly #restNumbers = new Map<string, number>();
  readonly #xattrs = new Map<number, ReadonlyMap<string, Uint8Array>>();

  get size(): number {
    return this.#starts.size;
  }

  /** @returns the header's number: how many were added before it */
  add(header: EntryHeader, { source, position }: ContentPlace): number {
    const isNameAscii = isAscii(header.name);
    const name = isNameAscii ? undefined : encodeName(header.name);
    const nameBytes = name?.length ?? header.name.length;
    const linkName = header.linkName ?? '';
    const isLinkNameAscii = isAscii(linkName);
    const link = isLinkNameAscii ? undefined : encodeName(linkName);
    const linkBytes = link?.length ?? linkName.length;
    const number = this.size;
    const { bytes, view, at } = this.#append(NAMES + nameBytes + linkBytes);
    view.setUint8(at + TYPE, types.indexOf(header.type));
    view.setUint8(
      at + FLAGS,
      (header.linkName === undefined ? 0 : HAS_LINK_NAME) |
        (isNameAscii ? IS_NAME_ASCII : 0) |
        (isLinkNameAscii ? IS_LINK_NAME_ASCII : 0) |
        (header.xattrs === undefined ? 0 : HAS_XATTRS),
    );
    view.setUint16(at + MODE, header.mode, true);
    view.setUint32(at + UID, header.uid, true);
    view.setUint32(at + GID, header.gid, true);
    view.setUint32(at + NAME_BYTES, nameBytes, true);
    view.setUint32(at + LINK_BYTES, linkBytes, true);
    view.setUint32(at + SOURCE, source === undefined ? 0 : source + 1, true);
    view.setUint32(at + REST, this.#restNumber(header), true);
    view.setFloat64(at + SIZE, header.sizeBytes, true);
    view.setFloat64(at + MTIME, header.mtime, true);
    view.setFloat64(at + POSITION, position, true);
    if (name === undefined) bytes.write(header.name, at + NAMES, 'latin1');
    else bytes.set(name, at + NAMES);
    if (link === undefined) bytes.write(linkName, at + NAMES + nameBytes, 'latin1');
    else bytes.set(link, at + NAMES + nameBytes);
    if (header.xattrs !== undefined) this.#xattrs.set(number, header.xattrs);
    return number;
  }

  /** The header as it was added. */
  header(number: number): EntryHeader {
    const linkName = this.linkName(number);
    const xattrs = this.xattrs(number);
    return {
      name: this.name(number),
      type: this.type(number),
      mode: this.mode(number),
      uid: this.uid(number),
      gid: this.gid(number),
      sizeBytes: this.sizeBytes(number),
      mtime: this.mtime(number),
      ...(linkName !== undefined && { linkName }),
      ...(xattrs !== undefined && { xattrs }),
      ...this.#rest(number),
    };
  }

  name(number: number): string {
    const { bytes, view, at } = this.#record(number);
    return text(bytes, {
      at: at + NAMES,
      length: view.getUint32(at + NAME_BYTES, true),
      isAscii: (view.getUint8(at + FLAGS) & IS_NAME_ASCII) !== 0,
    });
  }

  linkName(number: number): string | undefined {
    const { bytes, view, at } = this.#record(number);
    const flags = view.getUint8(at + FLAGS);
    if ((flags & HAS_LINK_NAME) === 0) return undefined;
    return text(bytes, {
      at: at + NAMES + view.getUint32(at + NAME_BYTES, true),
      length: view.getUint32(at + LINK_BYTES, true),
      isAscii: (flags & IS_LINK_NAME_ASCII) !== 0,
    });
  }

  type(number: number): EntryType {
    const { view, at } = this.#record(number);
    return types[view.getUint8(at + TYPE)] as EntryType;
  }

  mode(number: number): number {
    const { view, at } = this.#record(number);
    return view.getUint16(at + MODE, true);
  }

  uid(number: number): number {
    const { view, at } = this.#record(number);
    return view.getUint32(at + UID, true);
  }

  gid(number: number): number {
    const { view, at } = this.#record(number);
    return view.getUint32(at + GID, true);
  }

  mtime(number: number): number {
    const { view, at } = this.#record(number);
    return view.getFloat64(at + MTIME, true);
  }

  sizeBytes(number: number): number {
    const { view, at } = this.#record(number);
    return view.getFloat64(at + SIZE, true);
  }

  xattrs(number: number): ReadonlyMap<string, Uint8Array> | undefined {
    const { view, at } = this.#record(number);
    return (view.getUint8(at + FLAGS) & HAS_XATTRS) === 0 ? undefined : this.#xattrs.get(number);
  }

  position(number: number): number {
    const { view, at } = this.#record(number);
    return view.getFloat64(at + POSITION, true);
  }

  source(number: number): number | undefined {
    const { view, at } = this.#record(number);
    const source = view.getUint32(at + SOURCE, true);
    return source === 0 ? undefined : source - 1;
  }

  #append(length: number): Block & { readonly at: number } {
    if (this.#used + length > BLOCK_BYTES) {
      const bytes = Buffer.alloc(Math.max(BLOCK_BYTES, length));
      this.#blocks.push({ bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) });
      this.#used = 0;
    }
    const at = this.#used;
    this.#used = Math.ceil((at + length) / ALIGNMENT) * ALIGNMENT;
    this.#starts.push((this.#blocks.length - 1) * UNITS_PER_BLOCK + at / ALIGNMENT);
    return { ...(this.#blocks.at(-1) as Block), at };
  }

  #record(number: number): Block & { readonly at: number } {
    const start = this.#starts.get(number);
    const { bytes, view } = this.#blocks[Math.floor(start / UNITS_PER_BLOCK)] as Block;
    return { bytes, view, at: (start % UNITS_PER_BLOCK) * ALIGNMENT };
  }

  /** 0 where a header has nothing of it. */
  #restNumber({ uname, gname, linkCount, deviceMajor, deviceMinor, pax }: EntryHeader): number {
    const rest = { uname, gname, linkCount, deviceMajor, deviceMinor, pax };
    if (Object.values(rest).every((value) => value === undefined)) return 0;
    const key = JSON.stringify({ ...rest, pax: pax && [...pax] });
    const known = this.#restNumbers.get(key);
    if (known !== undefined) return known;
    const entries = Object.entries(rest).filter(([, value]) => value !== undefined);
    const number = this.#rests.push(Object.fromEntries(entries));
    this.#restNumbers.set(key, number);
    return number;
  }

  #rest(number: number): Rest | undefined {
    const { view, at } = this.#record(number);
    return this.#rests[view.getUint32(at + REST, true) - 1];
  }
}

/** Each character one byte; a lone surrogate, which stands for a byte, is not. */
function isAscii(name: string): boolean {
  return Buffer.byteLength(name) === name.length;
}

function text(
  bytes: Buffer,
  { at, length, isAscii }: { readonly at: number; readonly length: number; readonly isAscii: boolean },
): string {
  return isAscii ? bytes.toString('latin1', at, at + length) : decodeName(bytes.subarray(at, at + length));
}
