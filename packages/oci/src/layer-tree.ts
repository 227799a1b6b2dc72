import { type EntryHeader, type EntryType, HeaderTable } from '@orlop/archive';
import { IntColumn } from '@orlop/core';
import { ociError } from './errors.ts';
import { LayerFiles } from './layer-files.ts';
import { NameTree, NO_NODE } from './name-tree.ts';

const WHITEOUT = '.wh.';
/** Of AUFS, and the opaque marker. OCI image-spec, layer.md "Whiteouts". */
const WHITEOUT_META = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';
/** As many as Linux follows (path_resolution(7)). */
const MAX_SYMLINKS = 40;
/** Steps of one name, symbolic links included: bounds the work that a hostile layer can ask for. */
const MAX_STEPS = 1024;

/**
 * What a stack of layers adds up to, built from the members' headers, lowest layer first. Names are resolved as
 * inside a root folder: symbolic links among the parents are followed and cannot lead out of it.
 */
export class LayerTree {
  readonly #names: NameTree;
  /** Without their names: the tree has them. A file's content is a member (position) of a layer (source). */
  readonly #headers = new HeaderTable();
  /** Of each name: the number of its file, which other names may mean too. */
  readonly #files = new IntColumn();
  /** Of each name: the last layer that spoke of it; -1 for parents that no layer lists. */
  readonly #layers = new IntColumn(-1);
  /** Of each name: the layer whose whiteout emptied it of lower layers' entries last. */
  readonly #prunedBy = new IntColumn(-1);
  /** Hard links that came before their target, per layer. */
  #early: { readonly header: EntryHeader; readonly layer: number }[] = [];

  /** @param seed see {@link NameTree} */
  constructor(seed: number) {
    this.#names = new NameTree(seed);
    this.#files.set(this.#names.root, this.#addImplicitDirectory());
  }

  /** Applies one member. @throws OrlopError oci.bad-layer, naming the member */
  add(header: EntryHeader, { layer, member }: { layer: number; member: number }): void {
    if (header.name === '') return; // the root's own metadata has no place in a flat stream
    const slash = header.name.lastIndexOf('/');
    const folder = slash === -1 ? '' : header.name.slice(0, slash);
    const base = header.name.slice(slash + 1);
    if (folder.startsWith(WHITEOUT) || folder.includes(`/${WHITEOUT}`)) {
      if (folder.startsWith(WHITEOUT_META) || folder.includes(`/${WHITEOUT_META}`)) return; // AUFS's own
      throw bad(header.name, 'is below a whiteout');
    }
    if (base.startsWith(WHITEOUT)) this.#whiteOut(header, layer);
    else if (header.type === 'hardlink') {
      if (!this.#link(header, layer)) this.#early.push({ header, layer });
    } else
      this.#place(header, {
        layer,
        file: this.#headers.add({ ...header, name: '' }, { source: layer, position: member }),
      });
  }

  /** Ends a layer. @throws OrlopError oci.bad-layer for a hard link without a target */
  endLayer(): void {
    const early = this.#early;
    this.#early = [];
    for (const { header, layer } of early) {
      if (!this.#link(header, layer))
        throw bad(header.name, `is a hard link to ${JSON.stringify(header.linkName)}, which does not exist`);
    }
  }

  /** What is left when every layer was applied. */
  finish(): LayerFiles {
    return new LayerFiles(this.#headers, { tree: this.#names, files: this.#files });
  }

  #place(header: EntryHeader, { layer, file }: { layer: number; file: number }): void {
    const { parent, base } = this.#parentOf(header.name, 'create');
    const known = this.#names.child(parent, base);
    if (known !== NO_NODE) {
      if (this.#type(known) === 'directory' && this.#headers.type(file) === 'directory') {
        // A directory that is listed again gets other metadata and keeps its children.
        this.#files.set(known, file);
        this.#layers.set(known, layer);
        return;
      }
      this.#names.remove(known); // so that the order is that of the last writing
    }
    const fresh = this.#names.add(parent, base);
    this.#files.set(fresh, file);
    this.#layers.set(fresh, layer);
  }

  /** Returns whether the target was there. */
  #link(header: EntryHeader, layer: number): boolean {
    const { parent, base } = this.#parentOf(header.linkName ?? '', 'find');
    const target = parent === NO_NODE ? NO_NODE : this.#names.child(parent, base);
    if (target === NO_NODE) return false;
    if (this.#type(target) === 'directory')
      throw bad(header.name, `is a hard link to the directory ${JSON.stringify(header.linkName)}`);
    if (this.#names.path(target) === header.name) return true; // a link to itself
    this.#place(header, { layer, file: this.#files.get(target) });
    return true;
  }

  #whiteOut(header: EntryHeader, layer: number): void {
    const { parent, base } = this.#parentOf(header.name, 'find');
    if (base === OPAQUE) {
      if (parent !== NO_NODE) this.#prune(parent, layer);
      return;
    }
    if (base.startsWith(WHITEOUT_META)) return;
    const hidden = base.slice(WHITEOUT.length);
    if (hidden === '' || hidden === '.' || hidden === '..')
      throw bad(header.name, 'is a whiteout of no name');
    const victim = parent === NO_NODE ? NO_NODE : this.#names.child(parent, hidden);
    if (victim === NO_NODE) return;
    // A whiteout speaks of lower layers only, wherever it stands in its own.
    this.#prune(victim, layer);
    this.#removeIfLower(victim, layer);
  }

  /** The folder that a name is in; {@link NO_NODE} if there is none, which can only be when it is to be found. */
  #parentOf(name: string, missing: 'create' | 'find'): { parent: number; base: string } {
    const parts = name.split('/');
    const base = parts.pop() ?? '';
    const { root } = this.#names;
    let at = root;
    let followed = 0;
    let steps = 0;
    parts.reverse();
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      if (++steps > MAX_STEPS) throw bad(name, 'is nested too deeply');
      if (part === '' || part === '.') continue;
      if (part === '..') {
        at = at === root ? root : this.#names.parent(at); // above the root is the root
        continue;
      }
      let child = this.#names.child(at, part);
      if (child === NO_NODE) {
        if (missing === 'find') return { parent: NO_NODE, base };
        if (part.startsWith(WHITEOUT)) throw bad(name, 'is below a whiteout');
        child = this.#names.add(at, part);
        this.#files.set(child, this.#addImplicitDirectory());
      }
      const type = this.#type(child);
      if (type === 'directory') {
        at = child;
      } else if (type === 'symlink') {
        if (++followed > MAX_SYMLINKS) throw bad(name, `is below a loop of symbolic links`);
        const target = this.#headers.linkName(this.#files.get(child)) ?? '';
        if (target.startsWith('/')) at = root;
        parts.push(...target.split('/').reverse());
      } else {
        if (missing === 'find') return { parent: NO_NODE, base };
        throw bad(name, `is below ${JSON.stringify(this.#names.path(child))}, which is no directory`);
      }
    }
    return { parent: at, base };
  }

  #type(node: number): EntryType {
    return this.#headers.type(this.#files.get(node));
  }

  /** What a container runtime makes where a layer leaves a parent out. */
  #addImplicitDirectory(): number {
    return this.#headers.add(
      { name: '', type: 'directory', mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, mtime: 0 },
      { source: undefined, position: 0 },
    );
  }

  /** Removes what lower layers put below. Once per directory and layer, however often a layer asks for it. */
  #prune(top: number, layer: number): void {
    const names = this.#names;
    // Children before parents, without recursion: a hostile layer may nest deeply.
    for (let at = top; ; ) {
      while (this.#prunedBy.get(at) !== layer) {
        this.#prunedBy.set(at, layer);
        const first = names.firstChild(at);
        if (first !== NO_NODE) at = first;
      }
      for (let next = NO_NODE; next === NO_NODE; ) {
        if (at === top) return;
        next = names.nextSibling(at);
        const parent = names.parent(at);
        this.#removeIfLower(at, layer);
        at = next === NO_NODE ? parent : next;
      }
    }
  }

  /** Unless something of this layer is below it. */
  #removeIfLower(node: number, layer: number): void {
    if (this.#layers.get(node) < layer && this.#names.firstChild(node) === NO_NODE) this.#names.remove(node);
  }
}

function bad(name: string, why: string): Error {
  return ociError('oci.bad-layer', `${JSON.stringify(name)} ${why}`);
}
