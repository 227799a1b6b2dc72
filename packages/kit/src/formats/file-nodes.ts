import type { FileHandle } from 'node:fs/promises';
import type { FileNode } from '@orlop/disk';
import { GENERATED_MTIME } from '../compose/entries.ts';

const CHUNK_BYTES = 1 << 20;

/** An open file as a node; it must stay open as long as the node is read. */
export async function openedFile(file: FileHandle): Promise<FileNode> {
  const { size } = await file.stat();
  const read = async (offset: number, into: Uint8Array): Promise<void> => {
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await file.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0)
        throw new Error(`bug: the file ends at ${offset + done}, before ${offset + into.length}`);
      done += bytesRead;
    }
  };
  const node = fileNode(size, async function* () {
    for (let at = 0; at < size; at += CHUNK_BYTES) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - at));
      await read(at, chunk);
      yield chunk;
    }
  });
  return { ...node, stored: { store: { read }, offset: 0 } };
}

/** A file that the composition does not have: readable by all, of the time of what is generated. */
export function fileNode(sizeBytes: number, content: () => AsyncIterable<Uint8Array>): FileNode {
  return { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: GENERATED_MTIME, sizeBytes, open: content };
}

/** The same with a content that is in memory; text is UTF-8. */
export function bytesNode(content: Uint8Array | string): FileNode {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return fileNode(bytes.length, async function* () {
    yield bytes;
  });
}
