import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { debianError } from '../errors.ts';
import { type AnyComponent, type ComponentDefinition, isByDockerfile, repositoryOf } from './definition.ts';

/**
 * Counts for every hash: raised when the builder makes something else of the same definition, so that images
 * that an older one made are not taken for its own.
 */
const BUILDER_REVISION = 'orlop-debian 2';
const DOCKERFILE_REVISION = 'orlop-dockerfile 1';

/** Hex digits of a tag: as many as git's, which LinuxKit's tags are. */
const TAG_DIGITS = 40;

/**
 * The hash of everything of the component's own that its image is made from: the files of its folder, what its
 * definition takes from elsewhere, and the architectures. What the Debian archive holds does not count. Where a path leads
 * over links, what it leads to counts; links within the folder and within what is taken count as links.
 *
 * @throws OrlopError `debian.source-missing`
 */
export async function componentHash(definition: AnyComponent): Promise<string> {
  const hash = createHash('sha256');
  hash.update(`${isByDockerfile(definition) ? DOCKERFILE_REVISION : BUILDER_REVISION}\n`);
  const folder = await realPath(definition.folder);
  await addTree(hash, folder, '.');
  const taken = [
    ...definition.extraSources,
    ...(isByDockerfile(definition) ? [] : filesOfDebian(definition)),
  ];
  const real = await Promise.all(taken.map(realPath));
  const outside = new Set(real.filter((path) => !path.startsWith(`${folder}/`)));
  for (const [index, path] of [...outside].sort().entries()) await addTree(hash, path, `outside-${index}`);
  return hash.digest('hex').slice(0, TAG_DIGITS);
}

async function realPath(path: string): Promise<string> {
  return await realpath(path).catch((cause) => {
    throw debianError('debian.source-missing', `${path}, which the component needs, is not there`, { cause });
  });
}

function filesOfDebian({ debian: { files, symlinks, kernel } }: ComponentDefinition): readonly string[] {
  return [
    ...(kernel?.sources ?? []).map(({ name }) => name),
    ...files.flatMap(({ content }) => (content.kind === 'source' ? content.path : [])),
    ...symlinks.flatMap((link) => (link.kind === 'each' ? link.namesFile : [])),
  ];
}

/** Whether this looks like what {@link componentHash} gives. */
export function isContentHash(text: string): boolean {
  return text.length === TAG_DIGITS && /^[0-9a-f]+$/.test(text);
}

/** The tag of a component's image: its definition's, with the hash in place. */
export async function componentTag(
  definition: AnyComponent,
  options: { hash?: string } = {},
): Promise<string> {
  if (!definition.tag.includes('{{.Hash}}')) return definition.tag;
  return definition.tag.replaceAll('{{.Hash}}', options.hash ?? (await componentHash(definition)));
}

/** `orlop/redis:HASH`. */
export async function componentReference(
  definition: AnyComponent,
  options: { hash?: string } = {},
): Promise<string> {
  return `${repositoryOf(definition)}:${await componentTag(definition, options)}`;
}

type Hash = ReturnType<typeof createHash>;

/** Adds a file or a folder by relative names, executable bits, links and contents. */
async function addTree(hash: Hash, path: string, name: string): Promise<void> {
  const found = await lstat(path);
  if (found.isDirectory()) {
    hash.update(`directory ${JSON.stringify(name)}\n`);
    for (const child of (await readdir(path)).sort())
      await addTree(hash, join(path, child), `${name}/${child}`);
  } else if (found.isSymbolicLink()) {
    hash.update(`link ${JSON.stringify(name)} ${JSON.stringify(await readlink(path))}\n`);
  } else if (found.isFile()) {
    hash.update(`file ${JSON.stringify(name)} ${found.mode & 0o100 ? 'x' : '-'} ${found.size}\n`);
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  }
}
