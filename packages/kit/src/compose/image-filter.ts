import { type ArchiveEntry, bytesBody, type EntryHeader, type EntryStream, emptyBody } from '@orlop/archive';
import { directoryEntry, fileEntry, type Origin, symlinkEntry, withOrigin } from './entries.ts';

/** What an image's files that Docker manages become; LinuxKit, moby/build/image.go. */
const EXCLUDED = new Set(['.dockerenv', 'Dockerfile', 'dev/console', 'dev/pts', 'dev/shm', 'etc/hostname']);
const HOSTS = [
  '127.0.0.1       localhost',
  '::1     localhost ip6-localhost ip6-loopback',
  'fe00::0 ip6-localnet',
  'ff00::0 ip6-mcastprefix',
  'ff02::1 ip6-allnodes',
  'ff02::2 ip6-allrouters',
  '',
].join('\n');
const NO_RESOLV_CONF = '\n# no resolv.conf configured\n';
const RESOLV_CONF_TARGET = '/run/resolvconf/resolv.conf';
/** Always given again, so that they are 0755 whatever the image has. */
const TOUCHED_FOLDERS = ['dev', 'dev/pts', 'dev/shm', 'etc', 'proc', 'sys'];

export interface FilterOptions {
  /** The folder that the image is put into, without slashes around it; empty for the root. */
  readonly prefix: string;
  readonly origin: Origin;
  /** A link to where the guest's DHCP client writes, for the root and volumes; a comment for containers. */
  readonly resolvConf: 'link' | 'comment';
}

/** An image's entries as they stand in the composition: see linuxkit.md, 2.1. */
export async function* filterImage(entries: EntryStream, options: FilterOptions): EntryStream {
  const { prefix, origin } = options;
  const under = (name: string) => joinPath(prefix, name);
  const seen = new Set<string>();
  for await (const { header, body } of entries) {
    const { name } = header;
    if (name === '' || EXCLUDED.has(name)) continue;
    if (name === 'etc/hosts' || name === 'etc/resolv.conf') {
      seen.add(name);
      yield place(managedFile(name, header, options), { under, origin });
    } else {
      if (name === 'etc/mtab') seen.add(name);
      yield place({ header, body }, { under, origin });
    }
  }
  const missing: readonly [string, () => ArchiveEntry][] = [
    ['etc/hosts', () => fileEntry(under('etc/hosts'), HOSTS, { origin })],
    ['etc/mtab', () => symlinkEntry(under('etc/mtab'), '/proc/mounts', { origin })],
    ['etc/resolv.conf', () => newResolvConf(options)],
  ];
  for (const folder of TOUCHED_FOLDERS) {
    yield directoryEntry(under(folder), origin);
    if (folder !== 'etc') continue;
    for (const [name, make] of missing) if (!seen.has(name)) yield make();
  }
}

/** A path below a prefix; either may be empty. */
export function joinPath(prefix: string, name: string): string {
  if (prefix === '') return name;
  return name === '' ? prefix : `${prefix}/${name}`;
}

function place(
  entry: ArchiveEntry,
  { under, origin }: { under: (name: string) => string; origin: Origin },
): ArchiveEntry {
  const { header } = entry;
  const linkName = header.type === 'hardlink' ? { linkName: under(header.linkName ?? '') } : {};
  return {
    header: withOrigin({ ...header, ...linkName, name: under(header.name) }, origin),
    body: entry.body,
  };
}

/** The image's own header with Orlop's content. */
function managedFile(name: string, header: EntryHeader, { resolvConf }: FilterOptions): ArchiveEntry {
  const { linkName: _, linkCount: __, ...rest } = header;
  const plain = { ...rest, mode: header.type === 'symlink' ? 0o644 : header.mode };
  if (name === 'etc/resolv.conf' && resolvConf === 'link') {
    return {
      header: { ...plain, type: 'symlink', sizeBytes: 0, mode: 0o777, linkName: RESOLV_CONF_TARGET },
      body: emptyBody,
    };
  }
  const bytes = new TextEncoder().encode(name === 'etc/hosts' ? HOSTS : NO_RESOLV_CONF);
  return {
    header: { ...plain, type: 'file', sizeBytes: bytes.length, linkCount: 1 },
    body: bytesBody(bytes),
  };
}

function newResolvConf({ prefix, origin, resolvConf }: FilterOptions): ArchiveEntry {
  const name = joinPath(prefix, 'etc/resolv.conf');
  return resolvConf === 'link'
    ? symlinkEntry(name, RESOLV_CONF_TARGET, { origin })
    : fileEntry(name, NO_RESOLV_CONF, { origin });
}
