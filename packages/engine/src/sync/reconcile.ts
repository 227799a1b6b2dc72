import {
  above,
  modeOf,
  nameOf,
  nodeAt,
  type SyncFile,
  type SyncFolder,
  type SyncLink,
  type SyncNode,
  sameContent,
} from './sync-tree.ts';

export type SyncMode = 'two-way' | 'one-way';
export type Side = 'host' | 'machine';

/** What shall be done on one side; `of` is what must still be there for it. In an order that can be carried out. */
export type Change =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly file: SyncFile; readonly of?: SyncNode }
  | { readonly kind: 'link'; readonly path: string; readonly link: SyncLink; readonly of?: SyncNode }
  | { readonly kind: 'mode'; readonly path: string; readonly mode: number; readonly of: SyncNode }
  | { readonly kind: 'remove'; readonly path: string; readonly of: SyncNode }
  /** Both sides have changed it: this side's version makes room for the other's. */
  | { readonly kind: 'set-aside'; readonly path: string; readonly to: string; readonly of: SyncNode };

export interface Reconciliation {
  readonly host: readonly Change[];
  readonly machine: readonly Change[];
  /** Where both sides hold the same and the ancestor does not: what it becomes there; folders without their children. */
  readonly agreed: readonly (readonly [string, SyncNode | undefined])[];
}

export interface ReconcileInput {
  /** What both sides held when they last agreed. */
  readonly ancestor: SyncFolder;
  readonly host: SyncFolder;
  readonly machine: SyncFolder;
  /** `one-way`: the machine's own changes stay in the machine. @default 'two-way' */
  readonly mode?: SyncMode;
  /** The name that a version set aside gets, of the name that it had; another one at each attempt. */
  readonly asideName: (name: string, side: Side, attempt: number) => string;
}

/**
 * Compares both sides with what they last agreed on (three-way). Invariants: a version that only one side has is never
 * removed or written over; where both have changed the same, the host's keeps the name and the machine's is set aside; a
 * change outlives a removal; a folder goes only when nothing in it stays. With equal sides nothing is to be done.
 */
export function reconcile(input: ReconcileInput): Reconciliation {
  const run = new Run(input);
  run.visit('', input.ancestor, input.host, input.machine);
  return { host: input.mode === 'one-way' ? [] : run.host, machine: run.machine, agreed: run.agreed };
}

const NO_CHILDREN: ReadonlyMap<string, SyncNode> = new Map();
const other = (side: Side): Side => (side === 'host' ? 'machine' : 'host');

class Run {
  readonly host: Change[] = [];
  readonly machine: Change[] = [];
  readonly agreed: [string, SyncNode | undefined][] = [];
  readonly #input: ReconcileInput;

  constructor(input: ReconcileInput) {
    this.#input = input;
  }

  visit(
    path: string,
    ancestor: SyncNode | undefined,
    host: SyncNode | undefined,
    machine: SyncNode | undefined,
  ): void {
    if (host?.kind === 'unknown' || machine?.kind === 'unknown') return;
    if (host === undefined && machine === undefined) {
      if (ancestor !== undefined) this.agreed.push([path, undefined]);
    } else if (machine === undefined) {
      if (host !== undefined) this.#onOneSide(path, ancestor, { node: host, side: 'host' });
    } else if (host === undefined) {
      this.#onOneSide(path, ancestor, { node: machine, side: 'machine' });
    } else if (host.kind === 'folder' && machine.kind === 'folder') {
      this.#agree(path, ancestor, { host, machine });
      const before = childrenOf(ancestor);
      for (const name of namesOf(before, host.children, machine.children)) {
        const child = path === '' ? name : `${path}/${name}`;
        this.visit(child, before.get(name), host.children.get(name), machine.children.get(name));
      }
    } else if (sameContent(host, machine)) {
      this.#agree(path, ancestor, { host, machine });
    } else {
      this.#differ(path, ancestor, { host, machine });
    }
  }

  /** Both hold the same but for the mode, which is settled for itself. */
  #agree(
    path: string,
    ancestor: SyncNode | undefined,
    { host, machine }: { readonly host: SyncNode; readonly machine: SyncNode },
  ): void {
    const [hostMode, machineMode] = [modeOf(host), modeOf(machine)];
    if (hostMode === undefined || machineMode === undefined || hostMode === machineMode) {
      const isKnown =
        ancestor?.kind === host.kind &&
        modeOf(ancestor) === hostMode &&
        (host.kind === 'folder' || sameContent(ancestor, host));
      if (!isKnown && path !== '') this.agreed.push([path, agreedNode(host, machine)]);
      return;
    }
    if (path === '') return;
    const hostKeeps = modeOf(ancestor) !== hostMode || this.#input.mode === 'one-way';
    if (hostKeeps) this.machine.push({ kind: 'mode', path, mode: hostMode, of: machine });
    else this.host.push({ kind: 'mode', path, mode: machineMode, of: host });
  }

  /** Only one side has something here: it is new or changed there, or the other side has removed it. @returns whether it stays */
  #onOneSide(
    path: string,
    ancestor: SyncNode | undefined,
    { node, side }: { readonly node: SyncNode; readonly side: Side },
  ): boolean {
    if (node.kind === 'unknown') return true;
    if (node.kind !== 'folder') {
      if (isUnchanged(ancestor, node)) {
        this.#of(side).push({ kind: 'remove', path, of: node });
        return false;
      }
      this.#create(path, node, other(side));
      return true;
    }
    if (ancestor?.kind !== 'folder') {
      this.#create(path, node, other(side));
      return true;
    }
    const there = this.#of(other(side));
    const mark = there.length;
    let stays = node.opaque === true;
    for (const [name, child] of node.children) {
      const childStays = this.#onOneSide(`${path}/${name}`, ancestor.children.get(name), {
        node: child,
        side,
      });
      stays = childStays || stays;
    }
    // Before what is made in it.
    if (stays) there.splice(mark, 0, { kind: 'folder', path, mode: node.mode });
    else this.#of(side).push({ kind: 'remove', path, of: node });
    return stays;
  }

  #differ(
    path: string,
    ancestor: SyncNode | undefined,
    sides: { readonly host: SyncNode; readonly machine: SyncNode },
  ): void {
    const machineHasMore = changeSince(ancestor, sides.machine) === 'more';
    const hostHasMore = changeSince(ancestor, sides.host) === 'more';
    if (machineHasMore && !hostHasMore) this.#replace(path, sides, 'host');
    else if (!machineHasMore) this.#replace(path, sides, 'machine');
    else {
      this.#setAside(path, sides.machine, 'machine');
      this.#create(path, sides.host, 'machine');
    }
  }

  /** `side` has nothing that the other has not: it gets what the other has. */
  #replace(path: string, sides: { readonly host: SyncNode; readonly machine: SyncNode }, side: Side): void {
    const [from, to] = [sides[other(side)], sides[side]];
    if (to.kind !== 'folder') {
      if (from.kind === 'file' || from.kind === 'link') this.#put(path, from, side, to);
      else {
        this.#of(side).push({ kind: 'remove', path, of: to });
        this.#create(path, from, side);
      }
    } else {
      // What is not kept in step stays, under another name.
      if (hasOpaque(to)) this.#setAside(path, to, side);
      else this.#removeAll(path, to, side);
      this.#create(path, from, side);
    }
  }

  #setAside(path: string, node: SyncNode, side: Side): void {
    const name = nameOf(path);
    const folders = [this.#input.host, this.#input.machine].map((root) =>
      childrenOf(nodeAt(root, above(path))),
    );
    for (let attempt = 0; ; attempt++) {
      const aside = this.#input.asideName(name, side, attempt);
      if (folders.some((names) => names.has(aside))) continue;
      this.#of(side).push({ kind: 'set-aside', path, to: path.slice(0, -name.length) + aside, of: node });
      return;
    }
  }

  #create(path: string, node: SyncNode, side: Side): void {
    if (node.kind === 'unknown') return;
    if (node.kind !== 'folder') {
      this.#put(path, node, side);
      return;
    }
    this.#of(side).push({ kind: 'folder', path, mode: node.mode });
    for (const [name, child] of node.children) this.#create(`${path}/${name}`, child, side);
  }

  #put(path: string, node: SyncFile | SyncLink, side: Side, of?: SyncNode): void {
    const replaced = of === undefined ? {} : { of };
    if (node.kind === 'file') this.#of(side).push({ kind: 'file', path, file: node, ...replaced });
    else this.#of(side).push({ kind: 'link', path, link: node, ...replaced });
  }

  #removeAll(path: string, node: SyncNode, side: Side): void {
    if (node.kind === 'folder') {
      for (const [name, child] of node.children) this.#removeAll(`${path}/${name}`, child, side);
    }
    this.#of(side).push({ kind: 'remove', path, of: node });
  }

  #of(side: Side): Change[] {
    return side === 'host' ? this.host : this.machine;
  }
}

/** `more`: something new or other than agreed; `less`: at most something missing. */
function changeSince(ancestor: SyncNode | undefined, node: SyncNode): 'more' | 'less' {
  if (node.kind === 'unknown') return 'less';
  if (node.kind !== 'folder') return isUnchanged(ancestor, node) ? 'less' : 'more';
  if (ancestor?.kind !== 'folder') return 'more';
  for (const [name, child] of node.children) {
    if (changeSince(ancestor.children.get(name), child) === 'more') return 'more';
  }
  return 'less';
}

function isUnchanged(ancestor: SyncNode | undefined, node: SyncNode): boolean {
  return sameContent(ancestor, node) && modeOf(ancestor) === modeOf(node);
}

function hasOpaque(folder: SyncFolder): boolean {
  if (folder.opaque === true) return true;
  for (const child of folder.children.values()) {
    if (child.kind === 'unknown' || (child.kind === 'folder' && hasOpaque(child))) return true;
  }
  return false;
}

function agreedNode(host: SyncNode, machine: SyncNode): SyncNode {
  switch (host.kind) {
    case 'unknown':
      return host;
    case 'folder':
      return { kind: 'folder', mode: host.mode, children: new Map() };
    case 'link':
      return { kind: 'link', target: host.target };
    case 'file': {
      const { mode, digest, sizeBytes, hint } = host;
      const there = machine.kind === 'file' ? machine.hint : undefined;
      const hints = hint === undefined || there === undefined ? {} : { hint: `${hint} ${there}` };
      return { kind: 'file', mode, digest, sizeBytes, ...hints };
    }
  }
}

function childrenOf(node: SyncNode | undefined): ReadonlyMap<string, SyncNode> {
  return node?.kind === 'folder' ? node.children : NO_CHILDREN;
}

function namesOf(...maps: readonly ReadonlyMap<string, SyncNode>[]): Set<string> {
  const names = new Set<string>();
  for (const map of maps) for (const name of map.keys()) names.add(name);
  return names;
}
