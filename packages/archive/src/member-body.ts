import type { ByteReader } from './byte-reader.ts';
import { archiveError } from './errors.ts';

/** The content of one member of a stream, and the way to get past what nobody read of it. */
export interface MemberBody {
  readonly body: AsyncIterable<Uint8Array>;
  /** Skips the rest; from then on the body yields nothing more. */
  finish(): Promise<void>;
}

/** The next `sizeBytes` bytes of the reader as a member's body. */
export function readMemberBody(reader: ByteReader, sizeBytes: number): MemberBody {
  let left = sizeBytes;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    while (left > 0) {
      const some = await reader.takeSome(left);
      if (some === undefined)
        throw archiveError(
          'archive.truncated',
          `the archive ends ${left} bytes before the end of a member, at byte ${reader.consumed}`,
        );
      left -= some.length;
      yield some;
    }
  }
  return {
    body: { [Symbol.asyncIterator]: chunks },
    finish: async () => {
      const rest = left;
      left = 0;
      await reader.skip(rest);
    },
  };
}
