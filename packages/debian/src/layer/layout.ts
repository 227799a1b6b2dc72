import type { EntryHeader } from '@orlop/archive';
import type { Layout } from '../definition/definition.ts';

/** Top-level folders that Debian's merged layout replaces by links into /usr. file-hierarchy, Debian since 12. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'] as const;

/** Where a package's path is in the image: in /usr, also where a package still names the old place. */
export function mergedPath(path: string): string {
  const slash = path.indexOf('/');
  const top = slash < 0 ? path : path.slice(0, slash);
  return slash > 0 && isMerged(top) ? `usr/${path}` : path;
}

/** Whether a package's entry is one of the links itself; they come from the layout. */
export function isLayoutLink(header: EntryHeader): boolean {
  return isMerged(header.name) && header.type !== 'file';
}

/** The links of a layout, by path. */
export function layoutLinks(
  layout: Layout,
  architecture: string,
): readonly (readonly [path: string, target: string])[] {
  if (layout === 'split') return [];
  // Only amd64's loader is named by a path under /lib64.
  return MERGED.filter((name) => name !== 'lib64' || architecture === 'amd64').map((name) => [
    name,
    `usr/${name}`,
  ]);
}

/**
 * In a split layout programs still name their loader by its place outside /usr (ELF PT_INTERP): the path where a
 * link to this library is needed, if it is a loader.
 */
export function loaderLink(path: string): { readonly path: string; readonly target: string } | undefined {
  const match = /^usr\/(lib|lib64)\/(ld-linux[^/]*\.so\.\d+)$/.exec(path);
  return match === null
    ? undefined
    : { path: `${match[1]}/${match[2]}`, target: `../usr/${match[1]}/${match[2]}` };
}

function isMerged(name: string): boolean {
  return (MERGED as readonly string[]).includes(name);
}
