import { access, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { openStore } from './cache-options.ts';

/** A component in `orlop pkg ls --json`. */
interface PackageRow {
  readonly image: string;
  readonly reference: string;
  readonly architectures: readonly string[];
  /** Platforms that the store has of exactly this content. */
  readonly built: readonly string[];
  readonly folder: string;
}

export async function listPackages(
  folder: string,
  { context, json }: { readonly context: CommandContext; readonly json: boolean },
): Promise<void> {
  const { componentReference, loadComponent } = await import('@orlop/debian');
  const { isAttestation, isIndexType } = await import('@orlop/oci');
  const store = await openStore(context, {});
  const rows: PackageRow[] = [];
  for (const path of await componentFolders(resolve(context.cwd, folder))) {
    const definition = await loadComponent(path);
    const reference = await componentReference(definition);
    const found = await store.find(reference);
    const manifests =
      found === undefined || !isIndexType(found.mediaType) ? [] : (await store.readIndex(found)).manifests;
    rows.push({
      image: `${definition.organisation}/${definition.image}`,
      reference,
      architectures: definition.architectures,
      built: manifests.filter((one) => !isAttestation(one)).map((one) => one.platform?.architecture ?? ''),
      folder: path,
    });
  }
  if (json) {
    context.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
    return;
  }
  const width = Math.max(...rows.map((row) => row.reference.length), 0);
  for (const row of rows) {
    context.stdout.write(`${row.reference.padEnd(width)}  ${row.built.join(', ') || '-'}\n`);
  }
}

async function componentFolders(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((cause) => {
    throw cliError('pkg.no-folder', `${folder} cannot be read`, { cause });
  });
  const found: string[] = [];
  for (const name of names.sort()) {
    const there = await access(join(folder, name, 'build.yml')).then(
      () => true,
      () => false,
    );
    if (there) found.push(join(folder, name));
  }
  return found;
}
