import { readFileSync } from 'node:fs';
import type { NativeLibrary } from '../native/library.ts';
import type { Poller } from '../native/poller.ts';
import { unchangedFilePages } from './file-pages.ts';
import { LOOK_MS, WorkEnds } from './work-ends.ts';

/** Of Linux's `madvise`: the pages are not needed now, and come again from their file. */
const MADV_DONTNEED = 4;

/**
 * Gives back what this process holds from its work, each time that there is none any more: what nobody points to,
 * what the allocator keeps in reserve, and pages of its program's files, most of which only its start needs. An
 * answer ends this.
 */
export function giveBackWhenIdle(poller: Poller): () => void {
  const ends = new WorkEnds(
    () => poller.looks,
    () => giveBack(poller.library),
  );
  const timer = setInterval(() => ends.look(), LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** What {@link giveBackWhenIdle} does when it is time. */
export function giveBack(library: NativeLibrary): void {
  const ranges = unchangedFilePages(readFileSync('/proc/self/smaps', 'latin1'));
  // There where Node was started with --expose-gc.
  globalThis.gc?.();
  library.malloc_trim?.(0);
  for (const { address, length } of ranges) library.madvise(address, length, MADV_DONTNEED);
}
