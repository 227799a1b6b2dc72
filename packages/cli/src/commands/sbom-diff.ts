import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { OrlopError } from '@orlop/core';
import {
  diffSboms,
  type Json,
  type ListedPackage,
  listPackages,
  mergeSpdx,
  readSbom,
  type SbomDiff,
} from '@orlop/kit';
import { openImage, readSboms } from '@orlop/oci';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { openStore, platformOf } from './cache-options.ts';
import type { SbomDiffOptions } from './sbom.ts';

interface Invocation {
  readonly context: CommandContext;
  readonly options: SbomDiffOptions;
}

/** Files of a build that hold its list, by the ends of their names. */
const BUILD_SUFFIXES = ['', '.tar', '-initrd.img', '.docker'] as const;

/** @returns whether both have the same packages */
export async function printSbomDiff(
  { before, after }: { readonly before: string; readonly after: string },
  invocation: Invocation,
): Promise<boolean> {
  const diff = diffSboms(await packagesOf(before, invocation), await packagesOf(after, invocation));
  const { context, options } = invocation;
  context.stdout.write(options.json ? `${JSON.stringify(diff)}\n` : describe(diff));
  return diff.added.length + diff.removed.length + diff.changed.length === 0;
}

async function packagesOf(what: string, invocation: Invocation): Promise<readonly ListedPackage[]> {
  const packages = listPackages(await document(what, invocation));
  if (packages !== undefined) return packages;
  throw cliError('sbom.unknown-form', `${what} is neither SPDX 2 nor CycloneDX`);
}

async function document(what: string, { context, options }: Invocation): Promise<Json> {
  const { signal, cwd } = context;
  for (const suffix of BUILD_SUFFIXES) {
    const path = resolve(cwd, `${what}${suffix}`);
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    );
    if (isFile)
      return readSbom(path, { signal, ...(options.name === undefined ? {} : { name: options.name }) });
  }
  const found = await storedDocument(what, { context, options });
  if (found !== undefined) return found;
  throw cliError('sbom.not-found', `there is neither a file nor an image ${what}`, {
    hint: 'name a file, a build as orlop run takes it, or an image that orlop cache ls shows',
  });
}

async function storedDocument(what: string, { context, options }: Invocation): Promise<Json | undefined> {
  const store = await openStore(context, options);
  const platform = await platformOf(undefined);
  const descriptor = await store.find(what).catch((error: unknown) => {
    // What is no reference is no image.
    if (error instanceof OrlopError && error.kind === 'invalid') return undefined;
    throw error;
  });
  if (descriptor === undefined) return undefined;
  const { descriptor: manifest } = await openImage(store, descriptor, platform);
  const documents = await readSboms(store, descriptor, platform);
  if (documents.length === 0)
    throw cliError('sbom.not-found', `the image ${what} came without a bill of materials`);
  const merged = mergeSpdx([{ reference: what, digest: manifest.digest, prefixes: [''], documents }], {
    name: what,
  });
  // The image itself is what is compared, not a part of it.
  const packages = (merged['packages'] as readonly Json[]).filter(
    (one) => one['SPDXID'] !== 'SPDXRef-Image-0',
  );
  return { ...merged, packages };
}

function describe({ added, removed, changed }: SbomDiff): string {
  const versions = (list: readonly string[]) => list.join(', ') || '-';
  const lines = [
    ...removed.map((one) => `- ${label(one)} ${versions(one.versions)}`),
    ...added.map((one) => `+ ${label(one)} ${versions(one.versions)}`),
    ...changed.map((one) => `~ ${label(one)} ${versions(one.from)} -> ${versions(one.to)}`),
    `${added.length} added, ${removed.length} removed, ${changed.length} changed`,
  ];
  return `${lines.join('\n')}\n`;
}

function label({ name, image }: { readonly name: string; readonly image: boolean }): string {
  return image ? `image ${name}` : name;
}
