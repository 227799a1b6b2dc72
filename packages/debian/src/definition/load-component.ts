import { access, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { debianError } from '../errors.ts';
import { type AnyComponent, repositoryOf } from './definition.ts';
import { parseDefinition } from './parse-definition.ts';

export interface LoadOptions {
  /** Name of the definition in the folder. @default "build.yml" */
  readonly buildFile?: string | undefined;
  /** Replaces the definition's organisation. */
  readonly organisation?: string | undefined;
  /** Replaces the definition's tag. */
  readonly tag?: string | undefined;
}

/**
 * Reads the definition in a component's folder, whoever builds it.
 *
 * @throws OrlopError `debian.no-definition`, `debian.invalid-definition` with every problem
 */
export async function loadComponent(folder: string, options: LoadOptions = {}): Promise<AnyComponent> {
  const file = resolve(folder, options.buildFile ?? 'build.yml');
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw debianError('debian.no-definition', `there is no component in ${folder}: ${file} cannot be read`, {
      cause,
    });
  });
  const { definition, problems } = parseDefinition(file, text);
  if (definition === undefined) {
    throw debianError('debian.invalid-definition', `${file} has ${problems.length} problem(s)`, { problems });
  }
  return {
    ...definition,
    ...(options.organisation === undefined ? {} : { organisation: options.organisation }),
    ...(options.tag === undefined ? {} : { tag: options.tag }),
  };
}

/**
 * The component whose repository is this, in folders of component folders; undefined when none defines it.
 *
 * @param pkgFolders - e.g. `['pkg']`; the first that has it wins.
 * @param repository - as image YAMLs write it, `orlop/redis`, or expanded, `docker.io/orlop/redis`; no tag.
 * @throws OrlopError as {@link loadComponent} does, for a definition that is wrong.
 */
export async function findComponent(
  pkgFolders: readonly string[],
  repository: string,
): Promise<AnyComponent | undefined> {
  const wanted = repository.replace(/^docker\.io\//, '');
  const last = wanted.slice(wanted.lastIndexOf('/') + 1);
  for (const pkgFolder of pkgFolders) {
    const names = await readdir(pkgFolder).catch(() => [] as string[]);
    // The folder of the image's own name first: usually nothing else is read.
    const ordered = [
      ...names.filter((name) => name === last),
      ...names.filter((name) => name !== last).sort(),
    ];
    for (const name of ordered) {
      const folder = join(pkgFolder, name);
      if (!(await hasDefinition(folder))) continue;
      if (name !== last && !(await mentions(folder, last))) continue;
      const definition = await loadComponent(folder);
      if (repositoryOf(definition) === wanted) return definition;
    }
  }
  return undefined;
}

async function hasDefinition(folder: string): Promise<boolean> {
  return await access(join(folder, 'build.yml')).then(
    () => true,
    () => false,
  );
}

/** Whether a definition says the image's name at all: a wrong definition elsewhere must not stop this search. */
async function mentions(folder: string, image: string): Promise<boolean> {
  const text = await readFile(join(folder, 'build.yml'), 'utf8');
  return new RegExp(`^image:\\s*['"]?\\S*${image.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\b`, 'm').test(text);
}
