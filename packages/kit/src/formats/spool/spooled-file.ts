import type { FileNode, StoredContent } from '@orlop/disk';
import type { SpooledMembers } from './spooled-members.ts';

/** A file of a spool; there can be hundreds of thousands, so it holds nothing that its member has. */
export class SpooledFile implements FileNode {
  readonly #members: SpooledMembers;
  readonly #number: number;

  constructor(members: SpooledMembers, number: number) {
    this.#members = members;
    this.#number = number;
  }

  get type(): 'file' {
    return 'file';
  }

  get mode(): number {
    return this.#members.table.mode(this.#number);
  }

  get uid(): number {
    return this.#members.table.uid(this.#number);
  }

  get gid(): number {
    return this.#members.table.gid(this.#number);
  }

  get mtime(): number {
    return this.#members.table.mtime(this.#number);
  }

  get xattrs(): ReadonlyMap<string, Uint8Array> | undefined {
    return this.#members.table.xattrs(this.#number);
  }

  get sizeBytes(): number {
    return this.#members.table.sizeBytes(this.#number);
  }

  get contentKey(): string | undefined {
    return this.#members.contentKey(this.#number);
  }

  get stored(): StoredContent {
    return this.#members.stored(this.#number);
  }

  open(): AsyncIterable<Uint8Array> {
    return this.#members.body(this.#number);
  }
}
