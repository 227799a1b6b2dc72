import { type DescriptorWatch, type Poller, UV_READABLE } from '@orlop/vnet';
import { engineError } from '../errors.ts';
import { type BytePath, pathBytes } from './byte-paths.ts';
import { type InotifyEvent, parseInotifyEvents } from './inotify-events.ts';

/** Where a tree of folders hears of what happens in them. */
export interface FolderEvents {
  /** @returns the watch's number; negative: why the folder cannot be watched, as `-errno` */
  add(path: BytePath): number;
  remove(watch: number): void;
  close(): void;
}

/** Room for hundreds of events a call; the kernel asks for at least one with the longest name. */
const READ_BYTES = 65_536;
const FLAGS = 0o4000 | 0o2000000; // IN_NONBLOCK | IN_CLOEXEC

/**
 * The kernel's own queue of events (inotify(7)).
 * @throws OrlopError `engine.cannot-watch` when the user has no instance left
 */
export function openInotify(
  poller: Poller,
  { mask, onEvents }: { readonly mask: number; readonly onEvents: (events: InotifyEvent[]) => void },
): FolderEvents {
  const { library } = poller;
  const descriptor = library.inotify_init1(FLAGS);
  if (descriptor < 0) {
    throw engineError(
      'engine.cannot-watch',
      `changes of shared folders cannot be followed (errno ${library.errno()})`,
      {
        hint: 'raise fs.inotify.max_user_instances with sysctl',
      },
    );
  }
  const buffer = new Uint8Array(new ArrayBuffer(READ_BYTES));
  const watch: DescriptorWatch = poller.watch(descriptor, () => {
    // One read a turn: others of the loop have theirs in between, and what is left makes it ready again.
    const count = library.read(descriptor, buffer, READ_BYTES);
    if (count > 0) onEvents(parseInotifyEvents(buffer.subarray(0, count)));
  });
  watch.want(UV_READABLE);
  return {
    add: (path) => {
      const number = library.inotify_add_watch(descriptor, pathBytes(`${path}\0`), mask);
      return number < 0 ? -library.errno() : number;
    },
    remove: (number) => void library.inotify_rm_watch(descriptor, number),
    close: () => {
      watch.close();
      library.close(descriptor);
    },
  };
}
