import { type EntryHeader, readTar } from '@orlop/archive';
import { decompress } from './decompress.ts';
import { MAX_DOCUMENT_BYTES } from './documents.ts';
import { ociError } from './errors.ts';
import type { ImageStore } from './store.ts';
import type { Descriptor, Digest } from './types.ts';

/** A regular file of the archive, which the store keeps as a blob until the import ends. */
export interface ArchiveFile {
  readonly digest: Digest;
  readonly size: number;
}

/** By their names in the archive. */
export type ArchiveFiles = ReadonlyMap<string, ArchiveFile>;

/** An image that the archive holds; `names` is empty when it says none. */
export interface FoundImage {
  readonly names: readonly string[];
  readonly descriptor: Descriptor;
}

/** Every file becomes a blob at once, since the archive says only later what it is. @param files is given them, also when this throws */
export async function takeFiles(
  store: ImageStore,
  source: AsyncIterable<Uint8Array>,
  { files, signal }: { files: Map<string, ArchiveFile>; signal: AbortSignal | undefined },
): Promise<void> {
  const links: EntryHeader[] = [];
  for await (const { header, body } of readTar(decompress(source, { subject: 'the archive' }))) {
    if (header.type === 'symlink' || header.type === 'hardlink') links.push(header);
    if (header.type !== 'file') continue;
    const claimed = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/.exec(header.name);
    const expected =
      claimed === null
        ? undefined
        : { digest: `${claimed[1]}:${claimed[2]}` as Digest, size: header.sizeBytes };
    if (claimed?.[1] === 'sha512')
      throw ociError('oci.bad-archive', `${header.name} has a sha512 digest, which imports do not support`);
    const { digest, size } = await store.writeBlob(body, {
      mediaType: 'application/octet-stream',
      signal,
      ...(expected !== undefined && { expected }),
    });
    files.set(header.name, { digest, size });
  }
  // `docker save` before 25 writes a layer that several images share once, and links to it.
  for (const { name, type, linkName = '' } of links) {
    const target = files.get(type === 'symlink' ? resolveLink(name, linkName) : linkName);
    if (target !== undefined) files.set(name, target);
  }
}

/** A small file's content. */
export async function readArchiveFile(
  store: ImageStore,
  { files, name }: { files: ArchiveFiles; name: string },
): Promise<Uint8Array> {
  const file = requireFile(files, name);
  if (file.size > MAX_DOCUMENT_BYTES)
    throw ociError('oci.bad-archive', `${name} of the archive has ${file.size} bytes, too many to be right`);
  return store.readDocument({ ...file, mediaType: 'application/json' });
}

/** @throws OrlopError oci.bad-archive when it is missing */
export function requireFile(files: ArchiveFiles, name: string): ArchiveFile {
  const file = files.get(name) ?? files.get(name.replace(/^\.\//, ''));
  if (file === undefined)
    throw ociError('oci.bad-archive', `the archive has no file ${JSON.stringify(name)}`);
  return file;
}

function resolveLink(name: string, target: string): string {
  const parts = name.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
