import type { FileHandle } from 'node:fs/promises';
import { type EntryHeader, HeaderTable } from '@orlop/archive';
import type { StoredContent } from '@orlop/disk';
import { SpooledContents } from './spooled-contents.ts';
import { Windows } from './windows.ts';

/** The members of a spool by their numbers, and what they contain. Owns no handle. */
export class SpooledMembers {
  readonly table = new HeaderTable();
  readonly #windows = new Windows();
  readonly #contentKeys = new Map<number, string>();
  readonly #contents: SpooledContents;
  #end = 0;

  constructor(file: FileHandle) {
    this.#contents = new SpooledContents(file);
  }

  /** The next member; its content lies behind those before. @returns its number */
  add(header: EntryHeader): number {
    const offset = this.#end;
    const source = header.sizeBytes === 0 ? undefined : this.#windows.place(offset, header.sizeBytes);
    this.#end += header.sizeBytes;
    return this.table.add(header, { source, position: offset });
  }

  /** In chunks that are the reader's to keep or to recycle. */
  body(member: number): AsyncIterable<Uint8Array> {
    const { table } = this;
    const window = table.source(member);
    return this.#contents.body({
      sizeBytes: table.sizeBytes(member),
      offset: table.position(member),
      window: window === undefined ? undefined : this.#windows.get(window),
    });
  }

  stored(member: number): StoredContent {
    return { store: this.#contents, offset: this.table.position(member) };
  }

  /** Equal for equal contents; undefined where no other file is as long. */
  contentKey(member: number): string | undefined {
    return this.#contentKeys.get(member);
  }

  setContentKey(member: number, key: string): void {
    this.#contentKeys.set(member, key);
  }
}
