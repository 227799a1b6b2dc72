import type { EntryHeader } from '@orlop/archive';
import { detachName } from '@orlop/core';
import { ociError } from './errors.ts';

/** A file, whatever names it has. Its content is the given member of the given layer. */
export interface LayerInode {
  /** Without its name: the nodes have it. */
  readonly header: EntryHeader;
  readonly layer: number;
  readonly member: number;
  /** Its names in the finished tree, filled in by {@link LayerTree.finish}. */
  names: LayerNode[];
}

/** A name in the tree. */
export interface LayerNode {
  readonly parent: LayerNode | undefined;
  readonly name: string;
  inode: LayerInode;
  /** The last layer that spoke of it; -1 for parents that no layer lists. */
  layer: number;
  /** What is no directory shares one that is empty. */
  readonly children: Map<string, LayerNode>;
  /** The layer whose whiteout emptied it of lower layers' entries last. */
  prunedBy: number;
}

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
  /** Of which there are hundreds of thousands, each would take 180 bytes of its own. */
  readonly #noChildren = new Map<string, LayerNode>();
  readonly #noNames: LayerNode[] = [];
  readonly #root = this.#node(undefined, '', this.#implicitDirectory());
  /** Hard links that came before their target, per layer. */
  #early: { readonly header: EntryHeader; readonly layer: number }[] = [];

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
    if (base.startsWith(WHITEOUT)) this.#whiteOut({ header, folder, base, layer });
    else if (header.type === 'hardlink') {
      if (!this.#link(header, layer)) this.#early.push({ header, layer });
    } else
      this.#place(header, {
        layer,
        inode: { header: { ...header, name: '' }, layer, member, names: this.#noNames },
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

  /** Collects the names of every inode. Parents come before their children. */
  finish(): readonly LayerInode[] {
    const inodes: LayerInode[] = [];
    const pending: LayerNode[] = [...this.#root.children.values()].reverse();
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { inode } = next;
      if (inode.names.length > 0) {
        inode.names.push(next);
      } else {
        inode.names = [next];
        inodes.push(inode);
      }
      for (const child of [...next.children.values()].reverse()) pending.push(child);
    }
    return inodes;
  }

  #place(header: EntryHeader, { layer, inode }: { layer: number; inode: LayerInode }): void {
    const { parent, base } = this.#parentOf(header.name, 'create');
    const known = parent.children.get(base);
    if (known !== undefined && isDirectory(known) && header.type === 'directory') {
      // A directory that is listed again gets other metadata and keeps its children.
      known.inode = inode;
      known.layer = layer;
      return;
    }
    parent.children.delete(base); // so that the order is that of the last writing
    const fresh = this.#node(parent, detachName(base), inode);
    fresh.layer = layer;
    parent.children.set(fresh.name, fresh);
  }

  /** Returns whether the target was there. */
  #link(header: EntryHeader, layer: number): boolean {
    const { parent, base } = this.#parentOf(header.linkName ?? '', 'find');
    const target = parent?.children.get(base);
    if (target === undefined) return false;
    if (isDirectory(target))
      throw bad(header.name, `is a hard link to the directory ${JSON.stringify(header.linkName)}`);
    if (target.parent !== undefined && pathOf(target) === header.name) return true; // a link to itself
    this.#place(header, { layer, inode: target.inode });
    return true;
  }

  #whiteOut({
    header,
    folder,
    base,
    layer,
  }: {
    header: EntryHeader;
    folder: string;
    base: string;
    layer: number;
  }): void {
    if (base === OPAQUE) {
      const { parent, base: last } = this.#parentOf(folder, 'find');
      const directory = folder === '' ? this.#root : parent?.children.get(last);
      if (directory !== undefined) prune(directory, layer);
      return;
    }
    if (base.startsWith(WHITEOUT_META)) return;
    const hidden = base.slice(WHITEOUT.length);
    if (hidden === '' || hidden === '.' || hidden === '..')
      throw bad(header.name, 'is a whiteout of no name');
    const { parent } = this.#parentOf(header.name, 'find');
    const victim = parent?.children.get(hidden);
    if (parent === undefined || victim === undefined) return;
    // A whiteout speaks of lower layers only, wherever it stands in its own.
    prune(victim, layer);
    if (victim.layer < layer && victim.children.size === 0) parent.children.delete(hidden);
  }

  #parentOf(name: string, missing: 'create'): { parent: LayerNode; base: string };
  #parentOf(name: string, missing: 'find'): { parent: LayerNode | undefined; base: string };
  #parentOf(name: string, missing: 'create' | 'find'): { parent: LayerNode | undefined; base: string } {
    const parts = name.split('/');
    const base = parts.pop() ?? '';
    let at = this.#root;
    let followed = 0;
    let steps = 0;
    parts.reverse();
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      if (++steps > MAX_STEPS) throw bad(name, 'is nested too deeply');
      if (part === '' || part === '.') continue;
      if (part === '..') {
        at = at.parent ?? at; // above the root is the root
        continue;
      }
      let child = at.children.get(part);
      if (child === undefined) {
        if (missing === 'find') return { parent: undefined, base };
        if (part.startsWith(WHITEOUT)) throw bad(name, 'is below a whiteout');
        child = this.#node(at, part, this.#implicitDirectory());
        at.children.set(part, child);
      }
      if (child.inode.header.type === 'symlink') {
        if (++followed > MAX_SYMLINKS) throw bad(name, `is below a loop of symbolic links`);
        const target = child.inode.header.linkName ?? '';
        if (target.startsWith('/')) at = this.#root;
        parts.push(...target.split('/').reverse());
      } else if (isDirectory(child)) {
        at = child;
      } else {
        if (missing === 'find') return { parent: undefined, base };
        throw bad(name, `is below ${JSON.stringify(pathOf(child))}, which is no directory`);
      }
    }
    return { parent: at, base };
  }

  #node(parent: LayerNode | undefined, name: string, inode: LayerInode): LayerNode {
    const children = inode.header.type === 'directory' ? new Map<string, LayerNode>() : this.#noChildren;
    return { parent, name, inode, layer: -1, children, prunedBy: -1 };
  }

  /** What a container runtime makes where a layer leaves a parent out. */
  #implicitDirectory(): LayerInode {
    return {
      header: { name: '', type: 'directory', mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, mtime: 0 },
      layer: -1,
      member: -1,
      names: this.#noNames,
    };
  }
}

/** The full name. */
export function pathOf(leaf: LayerNode): string {
  let path = leaf.name;
  for (let at = leaf.parent; at?.parent !== undefined; at = at.parent) path = `${at.name}/${path}`;
  return path;
}

export function isDirectory(at: LayerNode): boolean {
  return at.inode.header.type === 'directory';
}

/** Removes what lower layers put below. Once per directory and layer, however often a layer asks for it. */
function prune(top: LayerNode, layer: number): void {
  // Depth first, children before parents, without recursion: a hostile layer may nest deeply.
  const stack: { at: LayerNode; visited: boolean }[] = [{ at: top, visited: false }];
  for (let frame = stack.pop(); frame !== undefined; frame = stack.pop()) {
    const { at, visited } = frame;
    if (visited) {
      if (at !== top && at.layer < layer && at.children.size === 0) at.parent?.children.delete(at.name);
      continue;
    }
    stack.push({ at, visited: true });
    if (at.prunedBy === layer) continue;
    at.prunedBy = layer;
    for (const child of at.children.values()) stack.push({ at: child, visited: false });
  }
}

function bad(name: string, why: string): Error {
  return ociError('oci.bad-layer', `${JSON.stringify(name)} ${why}`);
}
