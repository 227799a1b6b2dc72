import type { FileHandle } from 'node:fs/promises';
import type { FileNode } from '@orlop/disk';
import { GENERATED_MTIME } from '../compose/entries.ts';
import { FileContents } from './file-contents.ts';

/** An open file as a node; it must stay open as long as the node is read. */
export async function openedFile(file: FileHandle): Promise<FileNode> {
  const { size } = await file.stat();
  const contents = new FileContents(file);
  return { ...fileNode(size, () => contents.chunks(0, size)), stored: { store: contents, offset: 0 } };
}

/** A file that the composition does not have: readable by all, of the time of what is generated. */
export function fileNode(sizeBytes: number, content: () => AsyncIterable<Uint8Array>): FileNode {
  return { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: GENERATED_MTIME, sizeBytes, open: content };
}

/** The same with a content that is in memory; text is UTF-8. */
export function bytesNode(content: Uint8Array | string): FileNode {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const node = fileNode(bytes.length, async function* () {
    yield bytes;
  });
  const read = async (offset: number, into: Uint8Array): Promise<void> =>
    into.set(bytes.subarray(offset, offset + into.length));
  return { ...node, stored: { store: { read }, offset: 0 } };
}
