import { createHash } from 'node:crypto';
import type { Change } from './reconcile.ts';
import type { Content, Outcome, SyncSide } from './sync-side.ts';

/** What is carried out at once: a power cut, or somebody who looks, meets a part of the changes at most. */
const CHANGES_AT_ONCE = 500;
const BYTES_AT_ONCE = 64 * 2 ** 20;

export interface TransferOptions {
  readonly from: Pick<SyncSide, 'read'>;
  readonly to: Pick<SyncSide, 'stage' | 'apply'>;
  readonly changes: readonly Change[];
  readonly onOutcome: (change: Change, outcome: Outcome) => void;
  readonly signal: AbortSignal;
}

/** Carries changes out on one side with the contents of the other. A content that is no longer what was seen is not used. */
export async function transfer({ from, to, changes, onOutcome, signal }: TransferOptions): Promise<void> {
  for (const batch of batches(changes)) {
    signal.throwIfAborted();
    const files = batch.flatMap((change, number) => (change.kind === 'file' ? [{ change, number }] : []));
    if (files.length > 0) {
      await from.read(
        files.map(({ change }) => change.path),
        async (index, content) => {
          const file = files[index];
          if (file === undefined || content === undefined) return;
          const { mode, digest } = file.change.file;
          await to.stage(file.number, mode, verified(content, digest));
        },
      );
    }
    const outcomes = await to.apply(batch);
    for (const [index, change] of batch.entries()) onOutcome(change, outcomes[index] ?? { kind: 'changed' });
  }
}

function verified(content: Content, digest: string): Content {
  const hash = createHash('sha256');
  const { bytes } = content;
  return {
    ...content,
    bytes: (async function* () {
      for await (const piece of bytes) {
        hash.update(piece);
        yield piece;
      }
    })(),
    isWhole: () => content.isWhole() && hash.digest('hex') === digest,
  };
}

function* batches(changes: readonly Change[]): Generator<readonly Change[]> {
  let batch: Change[] = [];
  let bytes = 0;
  for (const change of changes) {
    batch.push(change);
    bytes += change.kind === 'file' ? change.file.sizeBytes : 0;
    if (batch.length < CHANGES_AT_ONCE && bytes < BYTES_AT_ONCE) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
