import { baseName, directoryName, joinPath } from '../paths.ts';
import type { FileKind, FileStatus, Files } from './system.ts';

type Node =
  | { readonly kind: 'directory'; mode: number }
  | { readonly kind: 'symlink'; readonly target: string; readonly mode: number }
  | { readonly kind: Exclude<FileKind, 'directory' | 'symlink'>; mode: number; text: string };

/** Files in a map. */
export class MemoryFiles implements Files {
  readonly #nodes = new Map<string, Node>([['/', { kind: 'directory', mode: 0o755 }]]);
  readonly #watchers = new Map<string, Set<(bytes: Uint8Array) => void>>();

  /** Makes a file with its folders: for setting a scene. */
  put(path: string, text: string, kind: Exclude<FileKind, 'directory' | 'symlink'> = 'file'): void {
    this.makeFolder(directoryName(path));
    this.#nodes.set(this.#resolveParent(path), { kind, mode: 0o644, text });
  }

  /** Lets a watched device or fifo speak. */
  deliver(path: string, bytes: Uint8Array): void {
    for (const listener of this.#watchers.get(path) ?? []) listener(bytes);
  }

  read(path: string): string | undefined {
    const node = this.#find(path);
    return node !== undefined && 'text' in node ? node.text : undefined;
  }

  readEnd(path: string, maxBytes: number): string {
    return (this.read(path) ?? '').slice(-maxBytes);
  }

  write(path: string, text: string, options: { readonly mode?: number } = {}): boolean {
    const place = this.#resolveParent(path);
    if (this.#nodes.get(directoryName(place))?.kind !== 'directory') return false;
    this.#nodes.set(place, { kind: 'file', mode: options.mode ?? 0o644, text });
    return true;
  }

  writeInPlace(path: string, text: string): boolean {
    const node = this.#find(path);
    if (node === undefined || !('text' in node)) return false;
    if (node.kind === 'fifo')
      this.deliver(
        path,
        Uint8Array.from(text, (character) => character.charCodeAt(0)),
      );
    // What a device was given stays to be seen.
    else node.text = node.kind === 'character-device' ? node.text + text : text;
    return true;
  }

  append(path: string, text: string): boolean {
    const node = this.#find(path);
    if (node === undefined) return this.write(path, text);
    if (!('text' in node)) return false;
    node.text += text;
    return true;
  }

  copy(from: string, to: string): boolean {
    const text = this.read(from);
    return text !== undefined && this.write(to, text);
  }

  truncate(path: string): void {
    const node = this.#find(path);
    if (node !== undefined && 'text' in node) node.text = '';
  }

  list(path: string): readonly string[] {
    const folder = this.#resolve(path);
    if (folder === undefined || this.#nodes.get(folder)?.kind !== 'directory') return [];
    return [...this.#nodes.keys()]
      .filter((candidate) => candidate !== '/' && directoryName(candidate) === folder)
      .map(baseName)
      .sort();
  }

  status(path: string): FileStatus | undefined {
    return describe(this.#find(path));
  }

  linkStatus(path: string): FileStatus | undefined {
    return describe(this.#nodes.get(this.#resolveParent(path)));
  }

  readLink(path: string): string | undefined {
    const node = this.#nodes.get(this.#resolveParent(path));
    return node?.kind === 'symlink' ? node.target : undefined;
  }

  makeFolder(path: string, mode = 0o755): boolean {
    const place = this.#resolveParent(path);
    const existing = this.#find(place);
    if (existing !== undefined) return existing.kind === 'directory';
    if (!this.makeFolder(directoryName(place))) return false;
    this.#nodes.set(place, { kind: 'directory', mode });
    return true;
  }

  makeLink(target: string, path: string): boolean {
    const place = this.#resolveParent(path);
    if (this.#nodes.has(place) || this.#nodes.get(directoryName(place))?.kind !== 'directory') return false;
    this.#nodes.set(place, { kind: 'symlink', target, mode: 0o777 });
    return true;
  }

  remove(path: string): void {
    const place = this.#resolveParent(path);
    if (this.#nodes.get(place)?.kind === 'directory' && this.list(place).length > 0) return;
    this.#nodes.delete(place);
  }

  rename(from: string, to: string): boolean {
    const node = this.#nodes.get(this.#resolveParent(from));
    if (node === undefined) return false;
    this.#nodes.delete(this.#resolveParent(from));
    this.#nodes.set(this.#resolveParent(to), node);
    return true;
  }

  watch(path: string, listener: (bytes: Uint8Array) => void): () => void {
    const listeners = this.#watchers.get(path) ?? new Set();
    listeners.add(listener);
    this.#watchers.set(path, listeners);
    return () => listeners.delete(listener);
  }

  #find(path: string): Node | undefined {
    const place = this.#resolve(path);
    return place === undefined ? undefined : this.#nodes.get(place);
  }

  /** The path with every symbolic link followed, or undefined if it leads nowhere. */
  #resolve(path: string, depth = 0): string | undefined {
    // Linux gives up after forty links (path_resolution(7)).
    if (depth > 40) return undefined;
    const place = this.#resolveParent(path, depth);
    const node = this.#nodes.get(place);
    if (node === undefined) return undefined;
    if (node.kind !== 'symlink') return place;
    const target = node.target.startsWith('/') ? node.target : joinPath(directoryName(place), node.target);
    return this.#resolve(target, depth + 1);
  }

  #resolveParent(path: string, depth = 0): string {
    const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    if (plain === '/' || plain === '') return '/';
    const parent = directoryName(plain);
    return joinPath(this.#resolve(parent, depth + 1) ?? parent, baseName(plain));
  }
}

function describe(node: Node | undefined): FileStatus | undefined {
  if (node === undefined) return undefined;
  return { kind: node.kind, mode: node.mode, sizeBytes: 'text' in node ? node.text.length : 0 };
}
