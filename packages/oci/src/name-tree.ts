import { IntColumn } from '@orlop/core';
import { PackedNames } from './packed-names.ts';

/** Where there is no node. */
export const NO_NODE = -1;
/** The parent of what was removed. */
const REMOVED = -2;
const FIRST_BUCKETS = 1 << 10;
/** Of FNV-1a (RFC draft-eastlake-fnv), by 32 bits. */
const PRIME = 0x0100_0193;

/**
 * A tree of names, in about 70 bytes a name outside of the heap; as objects they take 250. Nodes are numbers, the root
 * is 0, and children keep the order in which they were added.
 */
export class NameTree {
  readonly root = 0;
  readonly #parents = new IntColumn();
  readonly #names = new PackedNames();
  readonly #namePlaces = new IntColumn();
  readonly #firstChildren = new IntColumn(NO_NODE);
  readonly #lastChildren = new IntColumn(NO_NODE);
  readonly #next = new IntColumn(NO_NODE);
  readonly #previous = new IntColumn(NO_NODE);
  /** A hash table of all nodes by parent and name: the first of each bucket, and the next one in it. */
  #buckets = new Int32Array(FIRST_BUCKETS).fill(NO_NODE);
  readonly #chain = new IntColumn(NO_NODE);
  readonly #hashes = new IntColumn();
  readonly #seed: number;

  /** @param seed any 32 bits, not known to who chose the names: they could all have one hash otherwise */
  constructor(seed: number) {
    this.#seed = seed;
    this.#append(NO_NODE, '', 0);
  }

  /** A name that the parent does not have yet, as its last child. */
  add(parent: number, name: string): number {
    const hash = this.#hash(parent, name);
    const node = this.#append(parent, name, hash);
    if (node > this.#buckets.length) this.#grow();
    this.#enter(node);
    const last = this.#lastChildren.get(parent);
    if (last === NO_NODE) this.#firstChildren.set(parent, node);
    else this.#next.set(last, node);
    this.#previous.set(node, last);
    this.#lastChildren.set(parent, node);
    return node;
  }

  /** {@link NO_NODE} if it has no child of that name. */
  child(parent: number, name: string): number {
    const hash = this.#hash(parent, name);
    let node = this.#buckets[hash & (this.#buckets.length - 1)] as number;
    while (
      node !== NO_NODE &&
      !(
        this.#hashes.get(node) === hash &&
        this.#parents.get(node) === parent &&
        this.#names.equals(this.#namePlaces.get(node), name)
      )
    )
      node = this.#chain.get(node);
    return node;
  }

  /** Takes it and what is below it out of the tree. */
  remove(node: number): void {
    const parent = this.#parents.get(node);
    const next = this.#next.get(node);
    const previous = this.#previous.get(node);
    if (previous === NO_NODE) this.#firstChildren.set(parent, next);
    else this.#next.set(previous, next);
    if (next === NO_NODE) this.#lastChildren.set(parent, previous);
    else this.#previous.set(next, previous);
    this.#leave(node);
    this.#parents.set(node, REMOVED);
  }

  /** {@link NO_NODE} for the root. */
  parent(node: number): number {
    return this.#parents.get(node);
  }

  firstChild(node: number): number {
    return this.#firstChildren.get(node);
  }

  nextSibling(node: number): number {
    return this.#next.get(node);
  }

  name(node: number): string {
    return this.#names.get(this.#namePlaces.get(node));
  }

  /** All names on the way from the root, with slashes between them. */
  path(node: number): string {
    let path = this.name(node);
    for (let at = this.parent(node); at > this.root; at = this.parent(at)) path = `${this.name(at)}/${path}`;
    return path;
  }

  /** All but the root, parents before their children. */
  *walk(): Generator<number> {
    let at = this.firstChild(this.root);
    while (at !== NO_NODE) {
      yield at;
      let next = this.firstChild(at);
      for (; next === NO_NODE && at !== this.root; at = this.parent(at)) next = this.nextSibling(at);
      at = next;
    }
  }

  #append(parent: number, name: string, hash: number): number {
    this.#namePlaces.push(this.#names.add(name));
    this.#hashes.push(hash);
    return this.#parents.push(parent);
  }

  #hash(parent: number, name: string): number {
    let hash = Math.imul(this.#seed ^ parent, PRIME);
    for (let i = 0; i < name.length; i++) {
      hash = Math.imul(hash ^ name.charCodeAt(i), PRIME);
      hash ^= hash >>> 15; // so that what differs in one unit depends on the seed in the next
    }
    return hash;
  }

  #enter(node: number): void {
    const bucket = this.#hashes.get(node) & (this.#buckets.length - 1);
    this.#chain.set(node, this.#buckets[bucket] as number);
    this.#buckets[bucket] = node;
  }

  #leave(node: number): void {
    const bucket = this.#hashes.get(node) & (this.#buckets.length - 1);
    const after = this.#chain.get(node);
    let at = this.#buckets[bucket] as number;
    if (at === node) {
      this.#buckets[bucket] = after;
      return;
    }
    while (this.#chain.get(at) !== node) at = this.#chain.get(at);
    this.#chain.set(at, after);
  }

  #grow(): void {
    this.#buckets = new Int32Array(this.#buckets.length * 4).fill(NO_NODE);
    for (let node = 1; node < this.#parents.size - 1; node++)
      if (this.#parents.get(node) !== REMOVED) this.#enter(node);
  }
}
