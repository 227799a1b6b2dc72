import { execFile } from 'node:child_process';
import { type BigIntStats, constants } from 'node:fs';
import { lchown, link, lstat, mkdir, open, rename, rm, rmdir, stat, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type FolderHandles, withHandles } from './folder-handles.ts';
import type { Change } from './reconcile.ts';
import type { Outcome } from './sync-side.ts';
import { nameOf, type SyncNode } from './sync-tree.ts';

const run = promisify(execFile);

export interface HostStepsOptions {
  readonly root: string;
  readonly stage: string;
  readonly asideName: (name: string) => string;
}

/** Beyond these, one syncfs(2) costs less than an fdatasync(2) for each. */
const FLUSHED_ONE_BY_ONE = 16;
const OVERTAKEN = ['ENOENT', 'EEXIST', 'ENOTDIR', 'ELOOP', 'ENOTEMPTY', 'EISDIR'];

/**
 * Carries changes out in the user's folder. A content has its name only when it is on the disk; what is replaced or removed
 * is looked at once more in the moment in which it goes, and is kept if it is not what was meant.
 */
export class HostSteps {
  /** The numbers of contents that came whole. */
  readonly staged = new Set<number>();
  /** Those for which the disk had no room, or that it did not take for another reason. */
  readonly refused = new Map<number, unknown>();
  readonly #options: HostStepsOptions;

  constructor(options: HostStepsOptions) {
    this.#options = options;
  }

  async apply(changes: readonly Change[]): Promise<Outcome[]> {
    const { root, stage } = this.#options;
    try {
      await mkdir(stage, { recursive: true, mode: 0o700 });
    } catch (error) {
      this.#forget();
      return changes.map(() => failure(error));
    }
    await this.#flushStaged();
    const outcomes = await withHandles(root, async (handles) => {
      const found: Outcome[] = [];
      for (const [index, change] of changes.entries()) found.push(await this.#try(change, index, handles));
      return found;
    });
    this.#forget();
    return outcomes;
  }

  #forget(): void {
    this.staged.clear();
    this.refused.clear();
  }

  async flush(path: string): Promise<void> {
    await run('sync', ['-f', path]);
  }

  async #try(change: Change, index: number, handles: FolderHandles): Promise<Outcome> {
    try {
      const place = await handles.place(change.path);
      const outcome = await this.#carryOut(change, index, place);
      if (outcome !== 'done') return { kind: 'changed' };
      if (change.kind === 'remove') return { kind: 'done' };
      const at = change.kind === 'set-aside' ? change.to : change.path;
      const now = await statOf(await handles.place(at));
      return now === undefined || now.isDirectory() ? { kind: 'done' } : { kind: 'done', hint: hintOf(now) };
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      return OVERTAKEN.includes(code) ? { kind: 'changed' } : failure(error);
    }
  }

  /** `place`: the change's path, in a folder that is held. */
  async #carryOut(change: Change, index: number, place: string): Promise<'done' | 'changed'> {
    const { stage } = this.#options;
    const away = join(stage, 'away');
    switch (change.kind) {
      case 'folder':
        await mkdir(place, change.mode);
        await ownAsAbove(place, place);
        return 'done';
      case 'file':
        if (this.refused.has(index)) throw this.refused.get(index);
        if (!this.staged.has(index)) return 'changed';
        return this.#put(join(stage, String(index)), place, change);
      case 'link':
        await rm(away, { force: true });
        await symlink(change.link.target, away);
        return this.#put(away, place, change);
      case 'mode': {
        if (!(await isAs(place, change.of))) return 'changed';
        const handle = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        await handle.chmod(change.mode & 0o777).finally(() => handle.close());
        return 'done';
      }
      case 'remove':
        if (change.of.kind === 'folder') {
          await rmdir(place);
          return 'done';
        }
        if (!(await isAs(place, change.of))) return 'changed';
        await rename(place, away);
        if (await isAs(away, change.of, 'moved')) {
          await unlink(away);
          return 'done';
        }
        await link(away, place).then(() => unlink(away));
        return 'changed';
      case 'set-aside': {
        if (!(await isAs(place, change.of))) return 'changed';
        // Both names are in the folder that `place` is in.
        const to = join(place, '..', nameOf(change.to));
        if ((await statOf(to)) !== undefined) return 'changed';
        await rename(place, to);
        return 'done';
      }
    }
  }

  /** Gives what is in the stage its name; a version that came in between is kept under another. */
  async #put(
    from: string,
    place: string,
    { path, of }: { readonly path: string; readonly of?: SyncNode },
  ): Promise<'done' | 'changed'> {
    if (of === undefined) {
      await ownAsAbove(from, place);
      await link(from, place); // and not rename(2), which replaces
      await unlink(from);
      return 'done';
    }
    if (!(await isAs(place, of))) return 'changed';
    await ownAsAbove(from, place);
    const before = join(this.#options.stage, 'before');
    await rm(before, { force: true });
    const isHeld = await link(place, before).then(
      () => true,
      () => false, // where the kernel or the file system allows no second name
    );
    await rename(from, place);
    if (isHeld && !(await isAs(before, of, 'moved'))) {
      await link(before, join(place, '..', this.#options.asideName(nameOf(path))));
    }
    return 'done';
  }

  async #flushStaged(): Promise<void> {
    const { stage } = this.#options;
    if (this.staged.size > FLUSHED_ONE_BY_ONE) return this.flush(stage);
    for (const number of this.staged) {
      const handle = await open(join(stage, String(number)), 'r+').catch(() => undefined);
      if (handle === undefined) return this.flush(stage); // it is not to be written
      await handle.datasync().finally(() => handle.close());
    }
  }
}

function failure(error: unknown): Outcome {
  const { code, message } = error as NodeJS.ErrnoException;
  return { kind: 'failed', reason: code || message };
}

/** Root makes files for the user whose folder it is. */
async function ownAsAbove(made: string, place: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  // The folder that the descriptor stands for.
  const { uid, gid } = await stat(join(place, '..'));
  await lchown(made, uid, gid);
}

async function statOf(path: string): Promise<BigIntStats | undefined> {
  return lstat(path, { bigint: true }).catch(() => undefined);
}

/** Inode, size, times of content and status. */
export function hintOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino}.${size}.${mtimeNs}.${ctimeNs}`;
}

/** Whether there is still what was seen. A file that was moved, or got another name, has a new time of status change. */
async function isAs(path: string, node: SyncNode, how: 'here' | 'moved' = 'here'): Promise<boolean> {
  const now = await statOf(path);
  if (now === undefined) return false;
  if (node.kind === 'folder') return now.isDirectory();
  if (node.kind === 'unknown' || node.hint === undefined) return false;
  const hint = hintOf(now);
  if (how === 'here') return hint === node.hint;
  const content = (one: string) => one.slice(0, one.lastIndexOf('.'));
  return content(hint) === content(node.hint);
}
