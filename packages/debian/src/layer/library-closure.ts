import type { EntryStream } from '@orlop/archive';
import { debianError } from '../errors.ts';
import { isElf, type LinkNeeds, readLinkNeeds } from './elf.ts';
import { isLayoutLink, mergedPath } from './layout.ts';

/** What the packages hold that programs may be linked with, and what each file is linked with itself. */
interface LinkIndex {
  /** By path of an ELF file. */
  readonly needs: ReadonlyMap<string, LinkNeeds>;
  /** Paths in /usr/lib by their last part. */
  readonly places: ReadonlyMap<string, string>;
  /** Links by path: the path that they lead to. */
  readonly links: ReadonlyMap<string, string>;
}

/**
 * The loader and libraries that the chosen files need, and those that these need: their paths, with those of the links that
 * name them. Libraries that a program opens by itself at run time are not seen.
 *
 * @throws OrlopError `debian.library-missing` with every library that no package brings.
 */
export async function libraryClosure(
  packages: AsyncIterable<{ readonly entries: EntryStream }>,
  takes: (path: string) => boolean,
): Promise<ReadonlySet<string>> {
  const index = await indexLinks(packages, takes);
  const taken = new Set<string>();
  const missing = new Map<string, string>();
  const visit = (path: string) => {
    const needs = index.needs.get(path);
    if (needs?.loader !== undefined) take(mergedPath(needs.loader.slice(1)));
    for (const name of needs?.libraries ?? []) {
      const place = index.places.get(name);
      if (place === undefined) missing.set(name, path);
      else take(place);
    }
  };
  const take = (path: string) => {
    if (taken.has(path)) return;
    taken.add(path);
    visit(path);
    const target = index.links.get(path);
    if (target !== undefined) take(target);
  };
  for (const path of index.needs.keys()) if (takes(path)) visit(path);
  for (const [path, target] of index.links) if (takes(path) && index.needs.has(target)) visit(target);
  if (missing.size > 0) {
    throw debianError(
      'debian.library-missing',
      'programs of the image need libraries that no package brings',
      {
        problems: [...missing].map(([name, path]) => ({ message: `${path} needs ${name}` })),
        hint: 'a package that is left out by `without` may have them',
      },
    );
  }
  return taken;
}

async function indexLinks(
  packages: AsyncIterable<{ readonly entries: EntryStream }>,
  takes: (path: string) => boolean,
): Promise<LinkIndex> {
  const needs = new Map<string, LinkNeeds>();
  const places = new Map<string, string>();
  const links = new Map<string, string>();
  for await (const { entries } of packages) {
    for await (const { header, body } of entries) {
      if (header.name === '' || isLayoutLink(header)) continue;
      const path = mergedPath(header.name);
      const name = path.slice(path.lastIndexOf('/') + 1);
      const isLibrary = path.startsWith('usr/lib') && name.includes('.so');
      if (header.type !== 'file' && header.type !== 'symlink') continue;
      if (isLibrary && !places.has(name)) places.set(name, path);
      if (header.type === 'symlink') links.set(path, resolveLink(path, header.linkName ?? ''));
      else if (isLibrary || takes(path)) {
        const needed = await readNeeds(body);
        if (needed !== undefined) needs.set(path, needed);
      }
    }
  }
  return { needs, places, links };
}

/** Undefined for a file that is no ELF file; only such are held in memory. */
async function readNeeds(body: AsyncIterable<Uint8Array>): Promise<LinkNeeds | undefined> {
  const chunks: Uint8Array[] = [];
  let elf: boolean | undefined;
  for await (const chunk of body) {
    elf ??= isElf(chunk);
    if (elf) chunks.push(chunk.slice());
  }
  return elf === true ? readLinkNeeds(Buffer.concat(chunks)) : undefined;
}

function resolveLink(path: string, target: string): string {
  const parts = target.startsWith('/') ? [] : path.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return mergedPath(parts.join('/'));
}
