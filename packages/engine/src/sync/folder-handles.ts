import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { above, nameOf } from './sync-tree.ts';

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Ways to the folders of a tree that no link can lead astray: each folder is opened from the one above, and named by its
 * descriptor (`/proc/self/fd/N`, proc(5)), as openat(2) would. Whoever swaps a folder for a link meanwhile gets ENOTDIR or
 * ELOOP. For one task at a time, and a short one: it keeps the folders open that it was in last.
 */
export class FolderHandles {
  readonly #root: string;
  /** From the root to where it was last. */
  readonly #open: { readonly name: string; readonly handle: FileHandle }[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  /** A path of the folder that is safe to put `/NAME` after, until the next call. @throws ENOENT, ENOTDIR, ELOOP, EACCES */
  async folder(path: string): Promise<string> {
    const names = path === '' ? [''] : ['', ...path.split('/')];
    let known = 0;
    while (known < names.length && this.#open[known]?.name === names[known]) known++;
    while (this.#open.length > known) await this.#open.pop()?.handle.close();
    for (const name of names.slice(known)) {
      const above = this.#open.at(-1);
      const from = above === undefined ? this.#root : `${pathOf(above.handle)}/${name}`;
      this.#open.push({ name, handle: await open(from, FOLDER) });
    }
    const last = this.#open.at(-1);
    return last === undefined ? this.#root : pathOf(last.handle);
  }

  /** The same for the folder that a path is in, with the path's own name. */
  async place(path: string): Promise<string> {
    return `${await this.folder(above(path))}/${nameOf(path)}`;
  }

  async close(): Promise<void> {
    for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) await last.handle.close();
  }
}

function pathOf(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`;
}

/** Work with handles that are closed when it is done. */
export async function withHandles<T>(root: string, work: (handles: FolderHandles) => Promise<T>): Promise<T> {
  const handles = new FolderHandles(root);
  try {
    return await work(handles);
  } finally {
    await handles.close();
  }
}
