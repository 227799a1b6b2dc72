/** What a writer waits for: a stream of Node, a socket, an answer to a request. */
export interface Drainable {
  readonly destroyed?: boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

/**
 * Resolves when a stream whose `write` returned false has room again, or is gone: whoever goes on writing looks which of them it
 * is. However often it is called, no listener stays.
 */
export function untilDrained(stream: Drainable): Promise<void> {
  // What is destroyed may have said so before.
  if (stream.destroyed === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.once('drain', done);
    stream.once('close', done);
  });
}
