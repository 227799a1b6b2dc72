import { open } from 'node:fs/promises';

export interface FollowOptions {
  /** Starts this many lines before the end. @default all */
  readonly lines?: number;
  /** Aborting ends the iteration quietly. */
  readonly signal?: AbortSignal;
  /** Asked when the end is reached: whether more may come. Without it the iteration ends there. */
  readonly live?: () => Promise<boolean>;
}

const FOLLOW_POLL_MS = 100;
const CHUNK_BYTES = 64 * 1024;

/** Yields what a log holds, and, while it is live, what is added; begins anew when the log is emptied. */
export async function* followLog(path: string, options: FollowOptions = {}): AsyncGenerator<Uint8Array> {
  const { lines, signal, live } = options;
  const handle = await open(path, 'r');
  try {
    let position = lines === undefined ? 0 : await findLastLines(handle, lines);
    const buffer = new Uint8Array(CHUNK_BYTES);
    let last = false;
    while (!signal?.aborted) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead > 0) {
        position += bytesRead;
        yield buffer.slice(0, bytesRead);
        continue;
      }
      if ((await handle.stat()).size < position) {
        position = 0;
        continue;
      }
      if (last || live === undefined) return;
      // One more look after the machine's end: it may have spoken in between.
      last = !(await live());
      if (!last) await pause(signal);
    }
  } finally {
    await handle.close();
  }
}

/** The offset at which the last `lines` lines begin. */
async function findLastLines(
  handle: {
    stat(): Promise<{ size: number }>;
    read(...args: [Uint8Array, number, number, number]): Promise<{ bytesRead: number }>;
  },
  lines: number,
): Promise<number> {
  const { size } = await handle.stat();
  const buffer = new Uint8Array(CHUNK_BYTES);
  let left = lines;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - buffer.length);
    const { bytesRead } = await handle.read(buffer, 0, end - start, start);
    for (let i = bytesRead - 1; i >= 0; i--) {
      // The newline at the very end of the log ends its last line.
      if (buffer[i] === 0x0a && start + i !== size - 1 && --left === 0) return start + i + 1;
    }
    end = start;
  }
  return lines === 0 ? size : 0;
}

function pause(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, FOLLOW_POLL_MS);
    signal?.addEventListener('abort', done, { once: true });
  });
}
