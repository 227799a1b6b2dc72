import type { BytePath } from './byte-paths.ts';
import { pathBytes } from './byte-paths.ts';
import * as inotify from './inotify-events.ts';
import type { Change } from './tree-watcher.ts';

export interface KernelEventsOptions {
  /** Inode number of what has the name now, without following a link; undefined when there is nothing. */
  readonly inode: (path: BytePath) => Promise<bigint | undefined>;
  /** Gives the machine's kernel one batch. @returns how many files and folders are watched in shares at all */
  readonly notify: (batch: Uint8Array) => Promise<number>;
}

/** What the module takes in one write(2): BATCH_BYTES of pkg/kernel-engine/orlop_notify.c. */
export const MAX_BATCH_BYTES = 256 * 1024;
const GONE = inotify.IN_DELETE | inotify.IN_MOVED_FROM;

/**
 * Changes as the machine's own kernel tells them to watchers, by the module `orlop_notify`: each as the event that it was
 * on the host. The form of a batch is described with the module.
 */
export async function tellKernel(
  changes: readonly Change[],
  { inode, notify }: KernelEventsOptions,
): Promise<number> {
  const inodes = new Map<BytePath, bigint>();
  const inodeOf = async (path: BytePath) => {
    const known = inodes.get(path) ?? (await inode(path)) ?? 0n;
    inodes.set(path, known);
    return known;
  };
  let records: Buffer[] = [];
  let sizeBytes = 0;
  let share = '';
  let watched = 0;
  const send = async () => {
    if (records.length > 0) watched = Math.max(watched, await notify(Buffer.concat(records)));
    records = [];
    sizeBytes = 0;
    share = '';
  };
  for (const change of changes) {
    if (change.found === 'moved') continue; // Linux tells of the folder that moves, not of what is in it
    const number = (change.mask & GONE) === 0 ? await inodeOf(change.path) : (change.inode ?? 0n);
    const record = pathBytes(formatRecord(change, number));
    const mayGrow = change.mask & inotify.IN_MOVED_FROM ? 2 * record.length : record.length;
    // Both halves of a move are in one batch: the pair has one cookie there.
    if (sizeBytes + mayGrow + 2 * change.root.length > MAX_BATCH_BYTES - 4096) await send();
    if (share !== change.root) {
      share = change.root;
      records.push(pathBytes(`share ${share}\0`));
      sizeBytes += share.length + 7;
    }
    records.push(record);
    sizeBytes += record.length;
  }
  await send();
  return watched;
}

function formatRecord({ path, root, mask, cookie, folderInode, name }: Change, number: bigint): string {
  // A folder that is told as a whole is nobody's entry.
  const folder = name === '' || path === root ? 0n : folderInode;
  return `${(mask >>> 0).toString(16)} ${cookie.toString(16)} ${folder.toString(16)} ${number.toString(16)} ${name}\0`;
}
