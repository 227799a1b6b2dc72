import type { EntryHeader, HeaderTable } from '@orlop/archive';
import { IntColumn } from '@orlop/core';
import { type NameTree, NO_NODE } from './name-tree.ts';

/**
 * The files that a stack of layers adds up to. Each has a number; numbers rise with the layers and, in a layer, with
 * its members. Its names are nodes of a tree.
 */
export class LayerFiles {
  readonly #headers: HeaderTable;
  readonly #tree: NameTree;
  readonly #files: IntColumn;
  readonly #firstNames = new IntColumn(NO_NODE);
  readonly #otherNames = new Map<number, number[]>();

  /** @param files of each name in `tree` */
  constructor(headers: HeaderTable, { tree, files }: { readonly tree: NameTree; readonly files: IntColumn }) {
    this.#headers = headers;
    this.#tree = tree;
    this.#files = files;
    for (const name of tree.walk()) {
      const file = files.get(name);
      const others = this.#otherNames.get(file);
      if (this.#firstNames.get(file) === NO_NODE) this.#firstNames.set(file, name);
      else if (others === undefined) this.#otherNames.set(file, [name]);
      else others.push(name);
    }
  }

  /** All numbers are below this; not each is of a file that is still there. */
  get end(): number {
    return this.#headers.size;
  }

  /** Those that are still there, parents before their children. */
  *inTreeOrder(): Generator<number> {
    for (const name of this.#tree.walk()) {
      const file = this.#files.get(name);
      if (this.#firstNames.get(file) === name) yield file;
    }
  }

  /** {@link NO_NODE} for a file that is no longer there. */
  firstName(file: number): number {
    return this.#firstNames.get(file);
  }

  otherNames(file: number): readonly number[] {
    return this.#otherNames.get(file) ?? [];
  }

  path(name: number): string {
    return this.#tree.path(name);
  }

  /** The directories that a name is below, the nearest first. */
  *parents(name: number): Generator<number> {
    const { root } = this.#tree;
    for (let at = this.#tree.parent(name); at !== root; at = this.#tree.parent(at)) yield this.#files.get(at);
  }

  /** With its first name, and how many it has. */
  header(file: number): EntryHeader {
    const header = this.#headers.header(file);
    const name = this.path(this.firstName(file));
    return header.type === 'directory'
      ? { ...header, name }
      : { ...header, name, linkCount: 1 + this.otherNames(file).length };
  }

  sizeBytes(file: number): number {
    return this.#headers.sizeBytes(file);
  }

  /** Which layer it is of; undefined for parents that no layer lists. */
  layer(file: number): number | undefined {
    return this.#headers.source(file);
  }

  /** Which member of its layer it is. */
  member(file: number): number {
    return this.#headers.position(file);
  }
}
