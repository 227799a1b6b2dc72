/**
 * Calls `work` for every item, `limit` at a time. The first failure aborts the signal that the others are given,
 * and is thrown when all have ended.
 */
export async function forEachConcurrently<Item>(
  items: Iterable<Item>,
  {
    limit,
    signal,
    work,
  }: {
    limit: number;
    signal?: AbortSignal | undefined;
    work: (item: Item, signal: AbortSignal) => Promise<void>;
  },
): Promise<void> {
  const failure = new AbortController();
  const either = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]);
  const iterator = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = iterator.next(); !next.done && !either.aborted; next = iterator.next()) {
      try {
        await work(next.value, either);
      } catch (error) {
        failure.abort(error);
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  signal?.throwIfAborted();
  failure.signal.throwIfAborted();
}
