import { ByteReader } from './byte-reader.ts';
import {
  CPIO_ALIGN,
  CPIO_HEADER_BYTES,
  CPIO_TRAILER,
  type ParsedCpioHeader,
  parseCpioHeader,
  typeOfMode,
} from './cpio-header.ts';
import { type ArchiveEntry, type EntryHeader, type EntryStream, emptyBody } from './entry.ts';
import { archiveError } from './errors.ts';
import { type ArchiveLimits, DEFAULT_LIMITS, MAX_NAME_BYTES } from './limits.ts';
import { readMemberBody } from './member-body.ts';
import { decodeName, normalizeName } from './name.ts';

/** The names of an inode: where its content is, or who waits for it. */
type LinkedInode =
  | { readonly state: 'written'; readonly name: string }
  | { readonly state: 'waiting'; readonly headers: EntryHeader[] };

/**
 * Reads one "newc" (or "crc") cpio archive, up to its trailer, and the rest of the source after it. Most writers
 * put the content of a file with several names at its last name: the names before it are held back and follow
 * it as hard links.
 *
 * @throws OrlopError archive.* (from the iterator) on a damaged, hostile or unsupported archive
 */
export async function* readCpio(source: AsyncIterable<Uint8Array>, limits: ArchiveLimits = {}): EntryStream {
  const bounds = { ...DEFAULT_LIMITS, ...limits };
  const reader = new ByteReader(source);
  const inodes = new Map<string, LinkedInode>();
  let entries = 0;
  let totalBytes = 0;
  try {
    for (;;) {
      const at = reader.consumed;
      const fields = parseCpioHeader(await reader.takeAll(CPIO_HEADER_BYTES), at);
      const writtenName = await takeName(reader, fields, at);
      if (writtenName === CPIO_TRAILER) break;
      entries++;
      totalBytes += fields.sizeBytes;
      if (
        entries > bounds.maxEntries ||
        fields.sizeBytes > bounds.maxEntryBytes ||
        totalBytes > bounds.maxTotalBytes
      )
        throw archiveError(
          'archive.limit',
          `at ${JSON.stringify(writtenName)} the archive has ${entries} members and ${totalBytes} bytes of content`,
        );
      const header = await takeMember(reader, { fields, name: normalizeName(writtenName), at });
      const linked = header.type === 'file' && fields.linkCount > 1;
      const key = `${fields.fileSystemMajor}:${fields.fileSystemMinor}:${fields.inode}`;
      const known = linked ? inodes.get(key) : undefined;
      if (linked && header.sizeBytes === 0) {
        if (known?.state === 'written') yield linkTo(known.name, header);
        else if (known?.state === 'waiting') known.headers.push(header);
        else inodes.set(key, { state: 'waiting', headers: [header] });
        continue;
      }
      if (header.sizeBytes === 0) {
        yield { header, body: emptyBody };
        continue;
      }
      const member = readMemberBody(reader, header.sizeBytes);
      yield { header, body: member.body };
      await member.finish();
      await reader.skip(padding(header.sizeBytes));
      if (!linked) continue;
      inodes.set(key, { state: 'written', name: header.name });
      if (known?.state === 'waiting') for (const waiting of known.headers) yield linkTo(header.name, waiting);
    }
    // Empty files with several names.
    for (const inode of inodes.values()) {
      if (inode.state === 'written') continue;
      const [first, ...others] = inode.headers;
      if (first === undefined) continue;
      yield { header: first, body: emptyBody };
      for (const other of others) yield linkTo(first.name, other);
    }
    await reader.drain();
  } finally {
    await reader.close();
  }
}

function linkTo(name: string, header: EntryHeader): ArchiveEntry {
  const { linkCount: _, ...rest } = header;
  return { header: { ...rest, type: 'hardlink', linkName: name }, body: emptyBody };
}

async function takeName(reader: ByteReader, fields: ParsedCpioHeader, at: number): Promise<string> {
  if (fields.nameBytes < 1 || fields.nameBytes > MAX_NAME_BYTES)
    throw archiveError(
      'archive.malformed',
      `the cpio member at byte ${at} has a name of ${fields.nameBytes} bytes`,
    );
  const bytes = await reader.takeAll(fields.nameBytes);
  const name = decodeName(bytes.subarray(0, fields.nameBytes - 1));
  await reader.skip(padding(CPIO_HEADER_BYTES + fields.nameBytes));
  return name;
}

async function takeMember(
  reader: ByteReader,
  { fields, name, at }: { fields: ParsedCpioHeader; name: string; at: number },
): Promise<EntryHeader> {
  const type = typeOfMode(fields.mode);
  if (type === undefined)
    throw archiveError(
      'archive.unsupported',
      `${JSON.stringify(name)} at byte ${at} has the mode 0${fields.mode.toString(8)}`,
    );
  if (name === '' && type !== 'directory')
    throw archiveError('archive.unsafe-name', `the ${type} at byte ${at} has no name`);
  if (type !== 'symlink' && type !== 'file' && fields.sizeBytes > 0)
    throw archiveError('archive.malformed', `the ${type} ${JSON.stringify(name)} has content`);
  const common = {
    name,
    type,
    mode: fields.mode & 0o7777,
    uid: fields.uid,
    gid: fields.gid,
    mtime: fields.mtime,
    sizeBytes: type === 'file' ? fields.sizeBytes : 0,
  };
  switch (type) {
    case 'file':
      return { ...common, linkCount: fields.linkCount };
    case 'char':
    case 'block':
      return { ...common, deviceMajor: fields.deviceMajor, deviceMinor: fields.deviceMinor };
    case 'symlink':
      return { ...common, linkName: await takeTarget(reader, { fields, name }) };
    default:
      return common;
  }
}

async function takeTarget(
  reader: ByteReader,
  { fields, name }: { fields: ParsedCpioHeader; name: string },
): Promise<string> {
  if (fields.sizeBytes < 1 || fields.sizeBytes > MAX_NAME_BYTES)
    throw archiveError(
      'archive.malformed',
      `the symlink ${JSON.stringify(name)} has a target of ${fields.sizeBytes} bytes`,
    );
  const target = decodeName(await reader.takeAll(fields.sizeBytes));
  await reader.skip(padding(fields.sizeBytes));
  return target;
}

function padding(size: number): number {
  return (CPIO_ALIGN - (size % CPIO_ALIGN)) % CPIO_ALIGN;
}
