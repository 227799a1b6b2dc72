import { diskError } from './errors.ts';
import type { FileNode } from './tree.ts';

/**
 * A file's content in pieces of `pieceBytes`, the last one shorter; each piece is the caller's to keep, and to be
 * left unchanged.
 *
 * @param pathOf for messages
 * @throws OrlopError when the content has another length than the node says.
 */
export async function* contentPieces(
  pathOf: () => string,
  node: FileNode,
  pieceBytes: number,
): AsyncGenerator<Uint8Array> {
  let piece: Uint8Array | undefined;
  let filled = 0;
  let done = 0;
  for await (const chunk of node.open()) {
    for (let at = 0; at < chunk.length; ) {
      const wanted = Math.min(pieceBytes, node.sizeBytes - done);
      const part = chunk.subarray(at, at + Math.min(chunk.length - at, wanted - filled));
      if (part.length === 0) throw sizeMismatch(pathOf(), node, done + filled + chunk.length - at);
      at += part.length;
      if (part.length === wanted) {
        done += wanted;
        yield part;
        continue;
      }
      piece ??= new Uint8Array(wanted);
      piece.set(part, filled);
      filled += part.length;
      if (filled < wanted) continue;
      const whole = piece;
      piece = undefined;
      filled = 0;
      done += wanted;
      yield whole;
    }
  }
  if (done !== node.sizeBytes) throw sizeMismatch(pathOf(), node, done + filled);
}

function sizeMismatch(path: string, node: FileNode, bytes: number): Error {
  return diskError(
    'disk.size-mismatch',
    `"/${path}" gave ${bytes} bytes, where its entry says ${node.sizeBytes}`,
  );
}
