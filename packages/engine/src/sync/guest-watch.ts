import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the machine's inotifywait writes before it begins to follow. */
const ESTABLISHED = 'Watches established.\n';
const MAX_PATH = 8192;

interface Following {
  /** The stream of pkg/docker/engine-sync's `watch`. */
  readonly stream: Duplex;
  /** The copy's folder, as it is called there. */
  readonly root: string;
  /** A path below the root where something has happened; undefined: somewhere. */
  readonly onChange: (path: string | undefined) => void;
}

/** Reads paths, a zero after each, as they come. Resolves when the machine ends it, which it does when it cannot go on. */
async function followOnce({ stream, root, onChange }: Following, onEstablished: () => void): Promise<string> {
  let rest = '';
  let isFollowing = false;
  stream.setEncoding('utf8');
  stream.on('error', () => undefined);
  for await (const text of stream) {
    rest += text as string;
    if (!isFollowing) {
      const at = rest.indexOf(ESTABLISHED);
      if (at < 0) {
        rest = rest.slice(-MAX_PATH);
        continue;
      }
      isFollowing = true;
      rest = rest.slice(at + ESTABLISHED.length);
      onEstablished();
    }
    const paths = rest.split('\0');
    rest = paths.pop() ?? '';
    for (const path of paths) {
      onChange(path.startsWith(`${root}/`) ? path.slice(root.length + 1).replace(/\/$/, '') : undefined);
    }
    if (rest.length > MAX_PATH) return 'a path without an end';
  }
  return rest.trim() || 'the connection has ended';
}

export interface MachineWatchOptions {
  /** A new stream of pkg/docker/engine-sync's `watch`. */
  readonly open: (signal: AbortSignal) => Promise<Duplex>;
  readonly root: string;
  /** How long after an end it is tried again. */
  readonly retryMs: number;
  readonly onChange: (path: string | undefined) => void;
  readonly onEnd: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** Follows the copy until aborted, over a new connection whenever one has ended. */
export function followMachine(options: MachineWatchOptions): { readonly isOn: () => boolean } {
  const { open, root, retryMs, onChange, onEnd, signal } = options;
  let isOn = false;
  const run = async () => {
    while (!signal.aborted) {
      let reason = '';
      try {
        const stream = await open(signal);
        const onAbort = () => stream.destroy();
        signal.addEventListener('abort', onAbort, { once: true });
        reason = await followOnce({ stream, root, onChange }, () => {
          isOn = true;
          onChange(undefined); // what happened before was not told
        }).finally(() => signal.removeEventListener('abort', onAbort));
      } catch (error) {
        reason = String(error);
      }
      if (isOn && !signal.aborted) onChange(undefined);
      isOn = false;
      if (signal.aborted) return;
      onEnd(reason);
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    }
  };
  void run();
  return { isOn: () => isOn };
}
