import type { Logger } from '@orlop/core';
import type { Poller } from '@orlop/vnet';
import { readablePath, toBytePath } from '../files/byte-paths.ts';
import { openInotify } from '../files/inotify.ts';
import { listFolder } from '../files/share-events.ts';
import { TREE_MASK, TreeWatcher } from '../files/tree-watcher.ts';

export interface HostWatchOptions {
  readonly root: string;
  readonly poller: Poller | undefined;
  readonly logger: Logger;
  /** A path below the root where something has happened; undefined: somewhere. */
  readonly onChange: (path: string | undefined) => void;
}

/** As many folders as inotify follows for one share; beyond, everything is looked at now and then. */
const MAX_FOLDERS = 65_536;

/** Follows the user's folder. What cannot be followed is said by `isWhole`, and has to be looked at from time to time. */
export function followHost({ root, poller, logger, onChange }: HostWatchOptions): {
  readonly isWhole: () => boolean;
  readonly close: () => void;
} {
  let isWhole = false;
  const partly = (reason: string) => {
    isWhole = false;
    logger.warn('a synchronised share is not followed as a whole, and is looked at every few seconds', {
      share: root,
      reason,
    });
  };
  if (poller === undefined) {
    partly('inotify is not at hand here');
    return { isWhole: () => false, close: () => undefined };
  }
  let watcher: TreeWatcher;
  try {
    watcher = new TreeWatcher({
      root: toBytePath(root),
      exclude: [],
      maxFolders: MAX_FOLDERS,
      open: (onEvents) => openInotify(poller, { mask: TREE_MASK, onEvents }),
      list: listFolder,
      onChange: ({ path }) => {
        const text = readablePath(path);
        onChange(text === root ? undefined : text.slice(root.length + 1));
      },
      onPartial: partly,
    });
  } catch (error) {
    partly(String(error));
    return { isWhole: () => false, close: () => undefined };
  }
  isWhole = true;
  // Folders that it comes to later than they were looked at may have changed in between.
  void watcher.start().then(() => onChange(undefined));
  return { isWhole: () => isWhole, close: () => watcher.close() };
}
