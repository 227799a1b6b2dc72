import type { ContentStore, FileNode, StoredContent } from '@orlop/disk';
import { fileNode } from './file-nodes.ts';

/** A file that is a part of another, and where in it it begins. */
export interface PlacedPart {
  readonly at: number;
  readonly content: FileNode;
}

interface StoredPart extends PlacedPart {
  readonly stored: StoredContent;
}

/**
 * Files one after the other as one file, with zeros between them and behind. It can be read from any place if each of
 * them can.
 *
 * @param parts in the order in which they lie
 */
export function concatenatedFile(sizeBytes: number, parts: readonly PlacedPart[]): FileNode {
  const node = fileNode(sizeBytes, async function* () {
    let at = 0;
    for (const part of parts) {
      yield new Uint8Array(part.at - at);
      yield* part.content.open();
      at = part.at + part.content.sizeBytes;
    }
    yield new Uint8Array(sizeBytes - at);
  });
  const stored = parts.flatMap(({ at, content }) =>
    content.stored === undefined ? [] : [{ at, content, stored: content.stored }],
  );
  return stored.length < parts.length ? node : { ...node, stored: { store: joined(stored), offset: 0 } };
}

function joined(parts: readonly StoredPart[]): ContentStore {
  return {
    async read(offset, into) {
      const end = offset + into.length;
      into.fill(0);
      await Promise.all(
        parts.map(({ at, content, stored }) => {
          const [from, to] = [Math.max(at, offset), Math.min(at + content.sizeBytes, end)];
          if (from >= to) return undefined;
          return stored.store.read(stored.offset + from - at, into.subarray(from - offset, to - offset));
        }),
      );
    },
  };
}
