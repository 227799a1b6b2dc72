import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import {
  countNodes,
  emptyFolder,
  nodeAt,
  type SyncFolder,
  type SyncNode,
  setNode,
  walkTree,
} from './sync-tree.ts';

/**
 * What both sides last agreed on, in a file: a line for each path, `["a/b","f",mode,digest,size,hints]`, and after the lines
 * that belong together one that makes them count, `{"stamp":…,"generation":…}`. Lines after the last such are of a daemon
 * that was killed, and are passed over.
 */
export class AncestorStore {
  readonly #path: string;
  readonly root: SyncFolder = emptyFolder();
  /** Empty: there is no record that a copy could belong to. */
  stamp = '';
  generation = 0;
  #handle: FileHandle | undefined;
  #lines = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Reads the file, if there is one, and writes it anew without what is outdated. */
  static async open(path: string): Promise<AncestorStore> {
    const store = new AncestorStore(path);
    const text = readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error; // what is there is not written over
    });
    store.#read(await text);
    await store.#rewrite();
    return store;
  }

  /** Forgets everything: the next copy is new. */
  async reset(stamp: string): Promise<void> {
    this.root.children.clear();
    this.stamp = stamp;
    this.generation = 0;
    await this.#rewrite();
  }

  /** What was agreed on is on the disk, whole, when this resolves. The tree has it already. */
  async record(agreed: Iterable<readonly [string, SyncNode | undefined]>, generation: number): Promise<void> {
    this.generation = generation;
    let text = '';
    for (const [path, node] of agreed) {
      text += `${lineOf(path, node)}\n`;
      this.#lines++;
    }
    text += `${this.#mark()}\n`;
    await this.#handle?.appendFile(text);
    await this.#handle?.datasync();
    if (this.#lines > 1000 && this.#lines > 4 * countNodes(this.root)) await this.#rewrite();
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }

  #read(text: string): void {
    let waiting: (readonly [string, SyncNode | undefined])[] = [];
    for (const line of text.split('\n')) {
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        continue; // cut off, or the empty end
      }
      if (Array.isArray(value)) waiting.push([String(value[0]), readNode(value)]);
      else if (typeof value === 'object' && value !== null) {
        const { stamp, generation } = value as Record<string, unknown>;
        for (const [path, node] of waiting) agree(this.root, path, node);
        waiting = [];
        this.stamp = String(stamp);
        this.generation = Number(generation);
      }
    }
  }

  async #rewrite(): Promise<void> {
    const temporary = `${this.#path}.new`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await this.#writeAll(handle);
      await rename(temporary, this.#path);
    } catch (error) {
      await handle.close();
      await rm(temporary, { force: true });
      throw error;
    }
    await this.#handle?.close();
    this.#handle = handle;
  }

  async #writeAll(handle: FileHandle): Promise<void> {
    this.#lines = 0;
    let text = '';
    for (const [path, node] of walkTree(this.root)) {
      text += `${lineOf(path, node)}\n`;
      this.#lines++;
      if (text.length < 1 << 20) continue;
      await handle.appendFile(text);
      text = '';
    }
    await handle.appendFile(`${text}${this.#mark()}\n`);
    await handle.sync();
  }

  #mark(): string {
    return JSON.stringify({ stamp: this.stamp, generation: this.generation });
  }
}

/** Takes over into an agreed tree what {@link reconcile} says is agreed; folders keep what is in them. */
export function agree(root: SyncFolder, path: string, node: SyncNode | undefined): void {
  const before = node?.kind === 'folder' ? nodeAt(root, path) : undefined;
  if (node?.kind === 'folder' && before?.kind === 'folder') {
    setNode(root, path, { ...node, children: before.children });
  } else setNode(root, path, node);
}

function lineOf(path: string, node: SyncNode | undefined): string {
  switch (node?.kind) {
    case undefined:
    case 'unknown':
      return JSON.stringify([path]);
    case 'folder':
      return JSON.stringify([path, 'd', node.mode]);
    case 'link':
      return JSON.stringify([path, 'l', node.target]);
    case 'file':
      return JSON.stringify([path, 'f', node.mode, node.digest, node.sizeBytes, node.hint]);
  }
}

function readNode([, kind, first, digest, size, hint]: unknown[]): SyncNode | undefined {
  if (kind === 'd') return emptyFolder(Number(first));
  if (kind === 'l') return { kind: 'link', target: String(first) };
  if (kind !== 'f') return undefined;
  const hints = typeof hint === 'string' ? { hint } : {};
  return { kind: 'file', mode: Number(first), digest: String(digest), sizeBytes: Number(size), ...hints };
}
