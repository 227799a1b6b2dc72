import { diskError } from './errors.ts';
import type { FileNode } from './tree.ts';

/**
 * A file's content in pieces of `pieceBytes`, the last one shorter; each piece is the caller's to keep.
 *
 * @throws OrlopError when the content has another length than the node says.
 */
export async function* contentPieces(
  path: string,
  node: FileNode,
  pieceBytes: number,
): AsyncGenerator<Uint8Array> {
  let piece = new Uint8Array(Math.min(pieceBytes, node.sizeBytes));
  let filled = 0;
  let done = 0;
  for await (const chunk of node.open()) {
    let at = 0;
    while (at < chunk.length) {
      const part = chunk.subarray(at, at + Math.min(chunk.length - at, piece.length - filled));
      if (part.length === 0) throw sizeMismatch(path, node, done + filled + chunk.length - at);
      piece.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < piece.length) continue;
      done += filled;
      yield piece;
      piece = new Uint8Array(Math.min(pieceBytes, node.sizeBytes - done));
      filled = 0;
    }
  }
  if (done !== node.sizeBytes) throw sizeMismatch(path, node, done + filled);
}

function sizeMismatch(path: string, node: FileNode, bytes: number): Error {
  return diskError(
    'disk.size-mismatch',
    `"/${path}" gave ${bytes} bytes, where its entry says ${node.sizeBytes}`,
  );
}
