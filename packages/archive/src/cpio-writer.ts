import { ChunkPacker } from './chunk-packer.ts';
import {
  CPIO_ALIGN,
  CPIO_TRAILER,
  type CpioFields,
  encodeCpioHeader,
  MAX_U32,
  TYPE_BITS,
} from './cpio-header.ts';
import type { EntryHeader, EntryStream } from './entry.ts';
import { archiveError } from './errors.ts';
import { encodeName } from './name.ts';

/** Linux refuses longer names and link targets in an initramfs (init/initramfs.c, PATH_MAX with its NUL). */
const MAX_KERNEL_NAME_BYTES = 4095;
/** What cpio programs pad an archive to. */
const ARCHIVE_BLOCK_BYTES = 512;

/** A written member that a later hard link may name. */
interface Linkable {
  readonly fields: CpioFields;
  /** The target, when the member is a symbolic link. */
  readonly target: Uint8Array | undefined;
}

/**
 * Writes a cpio archive in the "newc" form, the one that Linux unpacks as an initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Hard links share the inode number of their
 * target, which carries the content. Extended attributes have no place in the format and are left out.
 *
 * The content of a linked file comes first, so its link count is written before its links are seen: a file
 * without `linkCount` is given 2, which readers take as "remember this inode". Saying `linkCount: 1` where it
 * is so spares the kernel 4 KiB a file while it unpacks.
 *
 * @throws OrlopError archive.too-large for a file of 4 GiB or a name that Linux refuses
 * @throws OrlopError archive.link-target for a link without its target before it
 */
export async function* writeCpio(entries: EntryStream): AsyncGenerator<Uint8Array> {
  const packer = new ChunkPacker();
  /** By name. Nearly every file says that it has no links, and is not kept. */
  const linkable = new Map<string, Linkable>();
  let inode = 0;
  let total = 0;
  const add = (fields: CpioFields, name: string) => {
    const head = encodeCpioHeader(fields, nameBytes(name));
    packer.add(head);
    total += head.length;
  };
  for await (const { header, body } of entries) {
    let member: Linkable;
    if (header.type === 'hardlink') {
      const target = linkTarget(header, linkable);
      member = { ...target, fields: { ...target.fields, sizeBytes: target.target?.length ?? 0 } };
    } else {
      member = newMember(header, ++inode);
    }
    add(member.fields, header.name);
    if (mayHaveLinks(header)) linkable.set(header.name, member);
    else linkable.delete(header.name);
    let written = 0;
    if (member.target !== undefined) {
      packer.add(member.target);
      written = member.target.length;
    } else if (member.fields.sizeBytes > 0) {
      for await (const chunk of body) {
        written += chunk.length;
        if (written > header.sizeBytes) break;
        packer.add(chunk);
        for (let ready = packer.shift(); ready !== undefined; ready = packer.shift()) yield ready;
      }
    }
    if (written !== member.fields.sizeBytes)
      throw archiveError(
        'archive.size-mismatch',
        `${JSON.stringify(header.name)} should have ${member.fields.sizeBytes} bytes, but its content has ${
          written > member.fields.sizeBytes ? 'more' : written
        }`,
      );
    const padding = (CPIO_ALIGN - (written % CPIO_ALIGN)) % CPIO_ALIGN;
    packer.addZeros(padding);
    total += written + padding;
    for (let ready = packer.shift(); ready !== undefined; ready = packer.shift()) yield ready;
  }
  add(TRAILER_FIELDS, CPIO_TRAILER);
  packer.addZeros((ARCHIVE_BLOCK_BYTES - (total % ARCHIVE_BLOCK_BYTES)) % ARCHIVE_BLOCK_BYTES);
  packer.flush();
  for (let ready = packer.shift(); ready !== undefined; ready = packer.shift()) yield ready;
}

const TRAILER_FIELDS: CpioFields = {
  inode: 0,
  mode: 0,
  linkCount: 1,
  uid: 0,
  gid: 0,
  mtime: 0,
  sizeBytes: 0,
  deviceMajor: 0,
  deviceMinor: 0,
};

function newMember(header: EntryHeader, inode: number): Linkable {
  if (header.sizeBytes > MAX_U32)
    throw archiveError(
      'archive.too-large',
      `${JSON.stringify(header.name)} has ${header.sizeBytes} bytes; a file in a cpio archive has less than 4 GiB`,
      { hint: 'choose an output format with a file system on a disk' },
    );
  const target = header.type === 'symlink' ? nameBytes(header.linkName ?? '') : undefined;
  return {
    target,
    fields: {
      inode,
      mode: TYPE_BITS[header.type] | (header.mode & 0o7777),
      linkCount: linkCountOf(header),
      uid: header.uid,
      gid: header.gid,
      mtime: Math.min(Math.max(Math.floor(header.mtime), 0), MAX_U32),
      sizeBytes: target?.length ?? header.sizeBytes,
      deviceMajor: header.deviceMajor ?? 0,
      deviceMinor: header.deviceMinor ?? 0,
    },
  };
}

function linkCountOf(header: EntryHeader): number {
  if (header.type === 'directory') return 2;
  if (header.type === 'symlink') return 1; // Linux does not link symbolic links: each name gets its own
  return header.linkCount ?? (header.type === 'file' ? 2 : 1);
}

function mayHaveLinks({ type, linkCount }: EntryHeader): boolean {
  return type !== 'directory' && linkCount !== 1;
}

function linkTarget(header: EntryHeader, linkable: ReadonlyMap<string, Linkable>): Linkable {
  const target = linkable.get(header.linkName ?? '');
  if (target === undefined)
    throw archiveError(
      'archive.link-target',
      `the hard link ${JSON.stringify(header.name)} means ${JSON.stringify(header.linkName)}, which is no file before it in the archive that may have links`,
    );
  return target;
}

function nameBytes(name: string): Uint8Array {
  const bytes = encodeName(name === '' ? '.' : name);
  if (bytes.length > MAX_KERNEL_NAME_BYTES)
    throw archiveError(
      'archive.too-large',
      `${JSON.stringify(name)} has over ${MAX_KERNEL_NAME_BYTES} bytes`,
    );
  return bytes;
}
