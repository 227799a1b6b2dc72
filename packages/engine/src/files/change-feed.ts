import { dirname } from 'node:path';
import type { BytePath } from './byte-paths.ts';
import { IN_ATTRIB, IN_ISDIR } from './inotify-events.ts';
import type { Change } from './tree-watcher.ts';

export interface ChangeFeedOptions {
  /** Tells the machine, in order. @returns how many files and folders are watched in it at all */
  readonly tell: (changes: readonly Change[]) => Promise<number>;
  /** Whether somebody could watch; while not, nothing is kept. */
  readonly isWanted: () => boolean;
  /** More changes than these that wait become events of their folders. */
  readonly maxChanges: () => number;
  readonly nowMs: () => number;
  /** Calls back later, unless the returned function is called before. */
  readonly after: (delayMs: number, work: () => void) => () => void;
  readonly onError: (error: unknown) => void;
}

/** A file that is written in pieces is told once it has rested: then nobody is in the middle of writing it. */
const REST_MS = 50;
/** While it never rests, this often. */
const LONGEST_MS = 300;
/** Nobody watches: how soon it is asked again. */
const UNWATCHED_MS = 500;

/**
 * What waits to be told to the machine of changes on the host. As in a queue of inotify, what happens to a path again and
 * again in the same way is one event.
 */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  #pending: Change[] = [];
  /** Of each path, the last that waits. */
  #last = new Map<BytePath, Change>();
  /** Folders that are told in place of what is in them. */
  #folders = new Map<BytePath, Change>();
  #cancel: (() => void) | undefined;
  /** When the first of those that wait came. */
  #sinceMs = 0;
  #sending = false;
  #slow = false;
  #stopped = false;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  note(change: Change): void {
    if (this.#stopped || !this.#options.isWanted()) return;
    // What happens again is not kept again, and yet no rest.
    if (this.#isNew(change)) this.#keep(change);
    if (!this.#sending) this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#take();
  }

  #isNew({ path, mask, cookie, found }: Change): boolean {
    const last = this.#last.get(path);
    if (last === undefined || found === undefined) return last?.mask !== mask || last.cookie !== cookie;
    return false; // it was seen being made
  }

  #keep(change: Change): void {
    if (this.#pending.length < this.#options.maxChanges()) {
      this.#pending.push(change);
      this.#last.set(change.path, change);
      return;
    }
    const path = change.name === '' ? change.path : dirname(change.path);
    const whole = { path, name: '', mask: IN_ATTRIB | IN_ISDIR, cookie: 0, found: undefined };
    this.#folders.set(path, { ...change, ...whole });
  }

  #schedule(): void {
    const { nowMs, after } = this.#options;
    if (this.#cancel === undefined) this.#sinceMs = nowMs();
    else if (this.#slow || nowMs() + REST_MS > this.#sinceMs + LONGEST_MS) return;
    this.#cancel?.();
    this.#cancel = after(this.#slow ? UNWATCHED_MS : REST_MS, () => {
      this.#cancel = undefined;
      void this.#send();
    });
  }

  #take(): readonly Change[] {
    const taken = [...this.#pending, ...this.#folders.values()];
    this.#pending = [];
    this.#last = new Map();
    this.#folders = new Map();
    return taken;
  }

  async #send(): Promise<void> {
    this.#sending = true;
    try {
      this.#slow = (await this.#options.tell(this.#take())) === 0;
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#sending = false;
    }
    if (this.#pending.length > 0 && !this.#stopped) this.#schedule();
  }
}
