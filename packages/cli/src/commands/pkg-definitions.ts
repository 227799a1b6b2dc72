import { resolve } from 'node:path';
import type { OrlopError } from '@orlop/core';
import type { AnyComponent } from '@orlop/debian';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { openStore } from './cache-options.ts';

/** Options by which a definition's names can be changed. */
export interface DefinitionOptions {
  readonly org?: string;
  readonly tag?: string;
  readonly hash?: string;
  /** git's id of the tree in this commit in place of the content hash. */
  readonly hashCommit?: string;
  /** Of the tree of this folder rather than of the component's own. */
  readonly hashPath?: string;
  /** git's id, marked as that of changed content. */
  readonly forceDirty?: boolean;
  readonly buildYml: string;
}

/** A command with the options that it was given. */
export interface Invocation<Options> {
  readonly context: CommandContext;
  readonly options: Options;
}

/** Reads the definitions, with the names that the options give them. */
export async function loadAll(
  folders: readonly string[],
  { context, options }: Invocation<DefinitionOptions>,
): Promise<readonly AnyComponent[]> {
  const { loadComponent } = await import('@orlop/debian');
  return await Promise.all(
    folders.map((folder) =>
      loadComponent(resolve(context.cwd, folder), {
        buildFile: options.buildYml,
        organisation: options.org ?? context.env['ORLOP_PKG_ORG'],
        tag: options.tag,
      }),
    ),
  );
}

/** What stands in place of the content hash, if the options name anything. */
export async function namedHash(
  definition: AnyComponent,
  { context, options }: Invocation<DefinitionOptions>,
): Promise<{ readonly hash?: string }> {
  const { hash, hashCommit, hashPath, forceDirty } = options;
  if (hash !== undefined) return { hash };
  if (hashCommit === undefined && hashPath === undefined && forceDirty !== true) return {};
  const { gitTreeHash } = await import('@orlop/debian');
  const folder = hashPath === undefined ? definition.folder : resolve(context.cwd, hashPath);
  return { hash: await gitTreeHash(folder, { commit: hashCommit, forceDirty, signal: context.signal }) };
}

/** That the store has no image of a component. */
export function notBuilt(reference: string, definition: AnyComponent): OrlopError {
  return cliError('pkg.not-built', `the store has no ${reference}`, {
    hint: `orlop pkg build ${definition.folder}`,
  });
}

/** Prints `orlop/redis:HASH` for each folder. */
export async function showTags(
  folders: readonly string[],
  { context, options }: Invocation<DefinitionOptions & { readonly canonical?: boolean }>,
): Promise<void> {
  const { componentReference } = await import('@orlop/debian');
  const { expandReference } = await import('@orlop/oci');
  for (const definition of await loadAll(folders, { context, options })) {
    const reference = await componentReference(definition, await namedHash(definition, { context, options }));
    context.stdout.write(`${options.canonical === true ? expandReference(reference) : reference}\n`);
  }
}

/** Prints the index of each component's image as JSON. */
export async function showIndexes(
  folders: readonly string[],
  { context, options }: Invocation<DefinitionOptions>,
): Promise<void> {
  const { componentReference } = await import('@orlop/debian');
  const store = await openStore(context, {});
  for (const definition of await loadAll(folders, { context, options })) {
    const reference = await componentReference(definition, await namedHash(definition, { context, options }));
    const found = await store.find(reference);
    if (found === undefined) throw notBuilt(reference, definition);
    context.stdout.write(
      `${JSON.stringify({ reference, ...found, index: await store.readIndex(found) }, undefined, 2)}\n`,
    );
  }
}
