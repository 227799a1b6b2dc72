import { readFileSync } from 'node:fs';
import type { NativeLibrary } from '../native/library.ts';
import type { Poller } from '../native/poller.ts';
import { unchangedFilePages } from './file-pages.ts';
import { Quiet } from './quiet.ts';

const LOOK_MS = 5000;
/** Looks without work after which the heap is collected. */
const COLLECT_AFTER = 2;
/**
 * Looks after which file pages are given back: when the collector's threads are done, and again when everything has
 * run once that comes every half minute, as V8's compiler, which runs then, is a good part of the program.
 */
const LET_GO_AFTER = [3, 13];
/** Of Linux's `madvise`: the pages are not needed now, and come again from their file. */
const MADV_DONTNEED = 4;

/** Of glibc's `mallopt`. */
const M_MMAP_THRESHOLD = -3;
/**
 * glibc's own at the start. It raises it, and with it what it keeps free, each time that something large is let go of,
 * as V8's compiler does all the time while there is work. A value that was set stays.
 */
const MMAP_THRESHOLD_BYTES = 128 * 1024;

/**
 * Gives back what this process holds from its work, each time that there is none any more: what nobody points to,
 * what the allocator keeps in reserve, and pages of its program's files, most of which only its start and its
 * collector need. An answer ends this.
 */
export function giveBackWhenIdle(poller: Poller): () => void {
  poller.library.mallopt?.(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES);
  const quiet = new Quiet(() => poller.looks);
  const timer = setInterval(() => {
    const looks = quiet.look();
    if (looks === COLLECT_AFTER) collect(poller.library);
    if (LET_GO_AFTER.includes(looks)) letFilePagesGo(poller.library);
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function collect(library: NativeLibrary): void {
  // There where Node was started with --expose-gc.
  globalThis.gc?.();
  library.malloc_trim?.(0);
}

/** The page cache may keep them, and has them back when they are used. */
export function letFilePagesGo(library: NativeLibrary): void {
  const smaps = readFileSync('/proc/self/smaps', 'latin1');
  for (const { address, length } of unchangedFilePages(smaps))
    library.madvise(address, length, MADV_DONTNEED);
}
