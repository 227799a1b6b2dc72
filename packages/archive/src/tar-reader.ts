import { ByteReader } from './byte-reader.ts';
import { type ArchiveEntry, type EntryHeader, type EntryStream, emptyBody } from './entry.ts';
import { archiveError } from './errors.ts';
import { type ArchiveLimits, DEFAULT_LIMITS, MAX_NAME_BYTES } from './limits.ts';
import { readMemberBody } from './member-body.ts';
import { decodeName, normalizeName } from './name.ts';
import { parsePaxRecords, XATTR_PREFIX } from './pax-records.ts';
import { fillHoles, isSparseRecord, type SparseMap, takeSparseMap } from './sparse-map.ts';
import {
  ENTRY_TYPES,
  isZeroBlock,
  parseTarHeader,
  type RawTarHeader,
  TAR_BLOCK_BYTES,
} from './tar-header.ts';

/** What extended headers say about the next member. */
interface Extension {
  records: Map<string, Uint8Array>;
  gnuName?: string;
  gnuLinkName?: string;
}

/** Holes cost an archive nothing, and whoever reads them much: as much as a layer may hold. */
const MAX_HOLE_BYTES = 64 * 2 ** 30;
/** Of users and groups (uid_t), and of devices (include/linux/kdev_t.h). */
const MAX_OWNER = 0xffff_ffff;
const MAX_DEVICE_MAJOR = 0xfff;
const MAX_DEVICE_MINOR = 0xf_ffff;
/** Records that are applied to the header, and so do not stand in {@link EntryHeader.pax}. */
const APPLIED = new Set(['path', 'linkpath', 'size', 'uid', 'gid', 'uname', 'gname', 'mtime', 'hdrcharset']);

/**
 * Reads a tar archive: ustar, pax, and GNU's long names, large numbers and sparse files. The source is read to its end, also
 * behind the end mark, so that a digest over it is complete.
 *
 * @throws OrlopError archive.* (from the iterator) on a damaged, hostile or unsupported archive
 */
export async function* readTar(source: AsyncIterable<Uint8Array>, limits: ArchiveLimits = {}): EntryStream {
  const bounds = { ...DEFAULT_LIMITS, ...limits };
  const reader = new ByteReader(source);
  const global = new Map<string, Uint8Array>();
  let extension: Extension = { records: new Map() };
  let extendedBytes = 0;
  let entries = 0;
  let totalBytes = 0;
  let holeBytes = 0;
  try {
    for (;;) {
      const at = reader.consumed;
      const block = reader.takeBuffered(TAR_BLOCK_BYTES) ?? (await reader.take(TAR_BLOCK_BYTES));
      if (block === undefined || isZeroBlock(block)) {
        if (extendedBytes > 0)
          throw archiveError('archive.truncated', `an extended header at the end, byte ${at}, has no member`);
        await reader.drain();
        return;
      }
      const raw = parseTarHeader(block, at);
      if (EXTENSIONS.has(raw.typeflag)) {
        extendedBytes += raw.size + TAR_BLOCK_BYTES;
        if (extendedBytes > bounds.maxExtendedBytes)
          throw archiveError(
            'archive.limit',
            `the extended headers at byte ${at} are over ${bounds.maxExtendedBytes} bytes`,
          );
        const content = await takePadded(reader, raw.size);
        applyExtension(raw.typeflag, { content, extension, global, at });
        continue;
      }
      const { records } = extension;
      const isOldGnu = raw.typeflag === 'S';
      const written = records.get('size');
      const size = integer(written && decodeName(written), { key: 'size', at }) ?? raw.size;
      const maxMapBytes = bounds.maxExtendedBytes;
      const sparse =
        isOldGnu || isSparse(raw, records)
          ? await takeSparseMap(reader, { block, isOldGnu, size, records, at, maxMapBytes })
          : undefined;
      const header = resolveHeader(raw, { extension, global, at, sparse });
      extension = { records: new Map() };
      extendedBytes = 0;
      entries++;
      totalBytes += header.sizeBytes;
      checkBounds(header, { bounds, entries, totalBytes });
      holeBytes += sparse === undefined ? 0 : sparse.sizeBytes - sparse.storedBytes;
      if (holeBytes > MAX_HOLE_BYTES)
        throw archiveError(
          'archive.limit',
          `at ${JSON.stringify(header.name)} the archive has ${holeBytes} bytes of holes; at most ${MAX_HOLE_BYTES} are allowed`,
        );
      const storedBytes = sparse?.storedBytes ?? header.sizeBytes;
      if (header.sizeBytes === 0 && storedBytes === 0) {
        yield { header, body: emptyBody };
        continue;
      }
      const member = readMemberBody(reader, storedBytes);
      const body = sparse === undefined ? member.body : fillHoles(member.body, sparse);
      yield { header, body } satisfies ArchiveEntry;
      await member.finish();
      await reader.skip(padding(storedBytes));
    }
  } finally {
    await reader.close();
  }
}

const EXTENSIONS = new Set(['x', 'g', 'L', 'K', 'V']);

function applyExtension(
  typeflag: string,
  {
    content,
    extension,
    global,
    at,
  }: { content: Uint8Array; extension: Extension; global: Map<string, Uint8Array>; at: number },
): void {
  switch (typeflag) {
    case 'x':
      extension.records = parsePaxRecords(content, at);
      break;
    case 'g':
      for (const [key, value] of parsePaxRecords(content, at)) {
        // POSIX: an empty value takes the record back.
        if (value.length === 0) global.delete(key);
        else global.set(key, value);
      }
      break;
    case 'L':
      extension.gnuName = untilNul(content);
      break;
    case 'K':
      extension.gnuLinkName = untilNul(content);
      break;
    default: // 'V' is the label of the volume, of no use here
  }
}

function resolveHeader(
  raw: RawTarHeader,
  {
    extension,
    global,
    at,
    sparse,
  }: {
    extension: Extension;
    global: ReadonlyMap<string, Uint8Array>;
    at: number;
    sparse: SparseMap | undefined;
  },
): EntryHeader {
  const text = (key: string): string | undefined => {
    const bytes = extension.records.get(key) ?? global.get(key);
    return bytes === undefined || bytes.length === 0 ? undefined : decodeName(bytes);
  };
  const writtenName = sparse?.name ?? text('path') ?? extension.gnuName ?? raw.name;
  const writtenLink = text('linkpath') ?? extension.gnuLinkName ?? raw.linkName;
  const listed = sparse === undefined ? ENTRY_TYPES.get(raw.typeflag) : 'file';
  if (listed === undefined)
    throw archiveError(
      'archive.unsupported',
      `${JSON.stringify(writtenName)} at byte ${at} is ${describeUnsupported(raw.typeflag)}`,
    );
  checkLength(writtenName, at);
  checkLength(writtenLink, at);
  // Before POSIX, a directory was a file whose name ends in a slash.
  const type = listed === 'file' && writtenName.endsWith('/') ? 'directory' : listed;
  const name = normalizeName(writtenName);
  if (name === '' && type !== 'directory')
    throw archiveError(
      'archive.unsafe-name',
      `the ${type} at byte ${at} has the name ${JSON.stringify(writtenName)}`,
    );
  const isLink = type === 'symlink' || type === 'hardlink';
  if (isLink && (writtenLink === '' || writtenLink.includes('\0')))
    throw archiveError('archive.malformed', `the ${type} ${JSON.stringify(name)} has no usable target`);
  const size = sparse?.sizeBytes ?? integer(text('size'), { key: 'size', at }) ?? raw.size;
  if (size > 0 && listed !== 'file' && type !== 'hardlink' && type !== 'directory')
    throw archiveError('archive.malformed', `the ${type} ${JSON.stringify(name)} claims ${size} bytes`);
  if (size > 0 && (type === 'hardlink' || listed === 'directory'))
    throw archiveError(
      'archive.unsupported',
      `the ${type} ${JSON.stringify(name)} has content of its own, which no tar writes by default`,
    );
  const owner = {
    uid: integer(text('uid'), { key: 'uid', at }) ?? raw.uid,
    gid: integer(text('gid'), { key: 'gid', at }) ?? raw.gid,
  };
  if (owner.uid > MAX_OWNER || owner.gid > MAX_OWNER)
    throw archiveError(
      'archive.malformed',
      `the ${type} ${JSON.stringify(name)} belongs to ${owner.uid}:${owner.gid}; Linux counts to ${MAX_OWNER}`,
    );
  const isDevice = type === 'char' || type === 'block';
  if (isDevice && (raw.devMajor > MAX_DEVICE_MAJOR || raw.devMinor > MAX_DEVICE_MINOR))
    throw archiveError(
      'archive.malformed',
      `the ${type} ${JSON.stringify(name)} has the numbers ${raw.devMajor}:${raw.devMinor}; Linux counts to ${MAX_DEVICE_MAJOR}:${MAX_DEVICE_MINOR}`,
    );
  const uname = text('uname') ?? raw.uname;
  const gname = text('gname') ?? raw.gname;
  const xattrs = collect(XATTR_PREFIX, extension.records);
  const pax = collectOther(extension.records, global);
  return {
    name,
    type,
    mode: raw.mode & 0o7777,
    ...owner,
    ...(uname !== '' && { uname }),
    ...(gname !== '' && { gname }),
    sizeBytes: type === 'file' ? size : 0,
    mtime: decimal(text('mtime'), at) ?? raw.mtime,
    ...(isLink && { linkName: type === 'hardlink' ? normalizeName(writtenLink) : writtenLink }),
    ...(isDevice && {
      deviceMajor: raw.devMajor,
      deviceMinor: raw.devMinor,
    }),
    ...(xattrs.size > 0 && { xattrs }),
    ...(pax.size > 0 && { pax }),
  };
}

function checkBounds(
  header: EntryHeader,
  { bounds, entries, totalBytes }: { bounds: Required<ArchiveLimits>; entries: number; totalBytes: number },
): void {
  const over = (what: string) =>
    archiveError('archive.limit', `at ${JSON.stringify(header.name)} the archive has ${what}`);
  if (entries > bounds.maxEntries) throw over(`more than ${bounds.maxEntries} members`);
  if (header.sizeBytes > bounds.maxEntryBytes)
    throw over(`a member of ${header.sizeBytes} bytes; at most ${bounds.maxEntryBytes} are allowed`);
  if (totalBytes > bounds.maxTotalBytes)
    throw over(`${totalBytes} bytes of content; at most ${bounds.maxTotalBytes} are allowed`);
}

function isSparse({ typeflag }: RawTarHeader, records: ReadonlyMap<string, Uint8Array>): boolean {
  if (ENTRY_TYPES.get(typeflag) !== 'file') return false;
  for (const key of records.keys()) if (isSparseRecord(key)) return true;
  return false;
}

function describeUnsupported(typeflag: string): string {
  if (typeflag === 'M') return 'the continuation of a multi-volume archive';
  return `of the unknown type ${JSON.stringify(typeflag)}`;
}

function collect(prefix: string, records: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  // Copied: the records are views of a chunk that need not live as long as the header.
  for (const [key, value] of records)
    if (key.startsWith(prefix) && key.length > prefix.length)
      found.set(key.slice(prefix.length), new Uint8Array(value));
  return found;
}

function collectOther(
  own: ReadonlyMap<string, Uint8Array>,
  global: ReadonlyMap<string, Uint8Array>,
): Map<string, string> {
  const found = new Map<string, string>();
  for (const records of [global, own]) {
    for (const [key, value] of records) {
      if (!APPLIED.has(key) && !key.startsWith(XATTR_PREFIX) && !isSparseRecord(key))
        found.set(key, decodeName(value));
    }
  }
  return found;
}

function integer(text: string | undefined, { key, at }: { key: string; at: number }): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw archiveError(
      'archive.malformed',
      `the pax record ${key} of the member at byte ${at} is ${JSON.stringify(text)}`,
    );
  return value;
}

function decimal(text: string | undefined, at: number): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?\d{1,15}(\.\d*)?$/.test(text))
    throw archiveError(
      'archive.malformed',
      `the pax record mtime of the member at byte ${at} is ${JSON.stringify(text)}`,
    );
  return Number(text);
}

function checkLength(name: string, at: number): void {
  if (name.length > MAX_NAME_BYTES)
    throw archiveError('archive.limit', `the member at byte ${at} has a name of ${name.length} characters`);
}

async function takePadded(reader: ByteReader, size: number): Promise<Uint8Array> {
  const content = await reader.takeAll(size);
  await reader.skip(padding(size));
  return content;
}

function padding(size: number): number {
  return (TAR_BLOCK_BYTES - (size % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}

function untilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeName(end === -1 ? bytes : bytes.subarray(0, end));
}
