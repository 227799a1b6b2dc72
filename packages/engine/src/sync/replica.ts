import { engineError } from '../errors.ts';
import { isPortableName, type RawEntry, type SyncSide } from './sync-side.ts';
import { above, emptyFolder, nameOf, nodeAt, type SyncFolder, setNode } from './sync-tree.ts';

export interface ReplicaOptions {
  readonly side: Pick<SyncSide, 'list' | 'stat' | 'digest'>;
  readonly excludes: (path: string, isFolder: boolean) => boolean;
  /** A digest from before that fits the hint, as when the daemon has just started. */
  readonly known: (path: string, hint: string) => string | undefined;
}

/** About 300 bytes each in memory; a container must not fill the daemon's. */
export const MAX_ENTRIES = 2_000_000;

export function tooManyEntries(most: number): Error {
  return engineError('engine.sync-failed', `it holds more than ${most} files and folders`);
}

/** A second or so in the machine: as long as what is urgent waits for a look at everything. */
const FOLDERS_AT_ONCE = 16;
const DIGESTS_AT_ONCE = 256;
const MAX_SKIPPED = 1000;
/**
 * Kernels keep times by ticks of up to 10 ms, so a file that was changed so shortly before it was looked at may change again
 * without its times telling. Ten ticks.
 */
const TICKS_MS = 100;

interface Undigested {
  readonly path: string;
  readonly entry: RawEntry;
  readonly folder: SyncFolder;
}

/** What one side holds, as it was last seen; read anew as a whole or where it has changed. */
export class Replica {
  readonly #options: ReplicaOptions;
  tree: SyncFolder = emptyFolder();
  /** What is not kept in step though nothing excludes it: devices, sockets, names that are no UTF-8, other file systems. */
  readonly skipped = new Set<string>();
  #entries = 0;
  /** Whose hints are too young to be relied on. */
  #young = new Set<string>();

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** Reads everything, unless something more urgent has come up on the way: it is then as it was before. */
  async scan(isUrgent: () => boolean = () => false): Promise<'whole' | 'gone' | 'left'> {
    const root = emptyFolder();
    const [tree, young, skipped, entries] = [this.tree, this.#young, [...this.skipped], this.#entries];
    this.skipped.clear();
    this.#entries = 0;
    this.#young = new Set();
    const known = (path: string, hint: string) => {
      if (young.has(path)) return undefined;
      const node = nodeAt(tree, path);
      return node?.kind === 'file' && node.hint === hint ? node.digest : this.#options.known(path, hint);
    };
    const how = await this.#fill(new Map([['', root]]), { root, known, isUrgent });
    if (how !== 'left') {
      this.tree = root;
      return how;
    }
    this.#young = young;
    this.#entries = entries;
    this.skipped.clear();
    for (const path of skipped) this.skipped.add(path);
    return how;
  }

  /** Reads what is under these paths now. What is new is read as a whole; folders that were known keep what is in them. */
  async look(paths: Iterable<string>): Promise<void> {
    const list = [...paths].filter((path) => path !== '' && path.split('/').every(isPortableName));
    const { nowMs, entries } = await this.#options.side.stat(list);
    const folders = new Map<string, SyncFolder>();
    const files: Undigested[] = [];
    for (const [index, path] of list.entries()) {
      const parent = nodeAt(this.tree, above(path));
      // Below what is excluded, or has gone meanwhile.
      if (parent?.kind !== 'folder') continue;
      const entry = entries[index];
      if (entry === undefined) setNode(this.tree, path, undefined);
      else {
        const known = nodeAt(this.tree, path);
        if (entry.kind === 'folder' && known?.kind === 'folder') {
          setNode(this.tree, path, { ...known, mode: entry.mode });
        } else if (!this.#isAsBefore(path, entry)) {
          setNode(this.tree, path, undefined);
          this.#take({ path, entry, folder: parent }, { nowMs, folders, files });
        }
      }
    }
    await this.#digest(files, () => undefined);
    await this.#fill(folders, { root: this.tree, known: () => undefined, isUrgent: () => false });
  }

  /** Nothing has happened to it but what was put down already. */
  #isAsBefore(path: string, { hint, mode }: RawEntry): boolean {
    const node = nodeAt(this.tree, path);
    if (node?.kind === 'link') return node.hint === hint;
    return node?.kind === 'file' && node.hint === hint && node.mode === mode && !this.#young.has(path);
  }

  async #fill(
    start: Map<string, SyncFolder>,
    {
      root,
      known,
      isUrgent,
    }: {
      readonly root: SyncFolder;
      readonly known: (path: string, hint: string) => string | undefined;
      readonly isUrgent: () => boolean;
    },
  ): Promise<'whole' | 'gone' | 'left'> {
    let isRootThere = true;
    for (let level = start; level.size > 0; ) {
      const next = new Map<string, SyncFolder>();
      const files: Undigested[] = [];
      const waiting = [...level];
      for (let at = 0; at < waiting.length; at += FOLDERS_AT_ONCE) {
        if (isUrgent()) return 'left';
        const some = waiting.slice(at, at + FOLDERS_AT_ONCE);
        const { nowMs, folders } = await this.#options.side.list(some.map(([path]) => path));
        for (const [index, [path, folder]] of some.entries()) {
          const entries = folders[index];
          if (entries === undefined) {
            // What cannot be listed is not empty.
            if (path === '') isRootThere = false;
            else this.#skip(path, folderAbove(root, path));
            continue;
          }
          for (const entry of entries) {
            const child = path === '' ? entry.name : `${path}/${entry.name}`;
            this.#take({ path: child, entry, folder }, { nowMs, folders: next, files });
          }
        }
      }
      await this.#digest(files, known);
      level = next;
    }
    return isRootThere ? 'whole' : 'gone';
  }

  #take(
    { path, entry, folder }: Undigested,
    found: {
      readonly nowMs: number;
      readonly folders: Map<string, SyncFolder>;
      readonly files: Undigested[];
    },
  ): void {
    const { kind, mode, hint, target, changedMs } = entry;
    const name = nameOf(path);
    if (kind === 'other' || !isPortableName(name)) {
      this.#skip(path, folder);
      return;
    }
    if (this.#options.excludes(path, kind === 'folder')) {
      markOpaque(folder);
      return;
    }
    this.#entries++;
    if (this.#entries > MAX_ENTRIES) throw tooManyEntries(MAX_ENTRIES);
    if (kind === 'folder') {
      const made = emptyFolder(mode);
      folder.children.set(name, made);
      found.folders.set(path, made);
    } else if (kind === 'link') {
      folder.children.set(name, { kind: 'link', target: target ?? '', hint });
    } else {
      if (changedMs > found.nowMs - TICKS_MS) this.#young.add(path);
      found.files.push({ path, entry, folder });
    }
  }

  async #digest(
    files: readonly Undigested[],
    known: (path: string, hint: string) => string | undefined,
  ): Promise<void> {
    const put = ({ path, entry, folder }: Undigested, digest: string) => {
      const name = nameOf(path);
      const { mode, sizeBytes, hint } = entry;
      folder.children.set(name, { kind: 'file', mode, digest, sizeBytes, hint });
    };
    const unknown = files.filter((file) => {
      const digest = known(file.path, file.entry.hint);
      if (digest !== undefined) put(file, digest);
      return digest === undefined;
    });
    for (let at = 0; at < unknown.length; at += DIGESTS_AT_ONCE) {
      const some = unknown.slice(at, at + DIGESTS_AT_ONCE);
      const digests = await this.#options.side.digest(some.map(({ path }) => path));
      for (const [index, file] of some.entries()) {
        const digest = digests[index];
        if (digest !== undefined) put(file, digest);
        // It cannot be read, or has just gone.
        else this.#skip(file.path, file.folder);
      }
    }
  }

  #skip(path: string, folder: SyncFolder): void {
    folder.children.set(nameOf(path), { kind: 'unknown' });
    if (this.skipped.size < MAX_SKIPPED) this.skipped.add(path);
  }
}

function folderAbove(root: SyncFolder, path: string): SyncFolder {
  const folder = nodeAt(root, above(path));
  return folder?.kind === 'folder' ? folder : emptyFolder();
}

function markOpaque(folder: SyncFolder): void {
  (folder as { opaque?: boolean }).opaque = true;
}
