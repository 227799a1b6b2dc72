import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Where Debian's packages have the program loader (ld.so(8)), by architecture. */
const LOADERS: Readonly<Record<string, string>> = {
  amd64: 'usr/lib64/ld-linux-x86-64.so.2',
  arm64: 'usr/lib/ld-linux-aarch64.so.1',
};

/** The words with which a program starts, by its path in the packages; more arguments follow. */
export type UnpackedPrograms = (program: string) => string[];

/** Whether programs of this architecture can be run from where they are unpacked. */
export function hasLoader(architecture: string): boolean {
  return LOADERS[architecture] !== undefined;
}

/**
 * Programs of Debian packages that are unpacked into a folder, in the merged layout, with their libraries and libc6: they
 * run by their own loader with the libraries that they were built with, whatever the host has.
 */
export async function unpackedPrograms(folder: string, architecture: string): Promise<UnpackedPrograms> {
  const loader = LOADERS[architecture];
  if (loader === undefined) throw new Error(`bug: no loader is known for ${architecture}`);
  const libraries = (await readdir(join(folder, 'usr/lib'))).filter((name) => name.endsWith('-linux-gnu'));
  const path = ['', ...libraries].map((name) => join(folder, 'usr/lib', name)).join(':');
  return (program) => [join(folder, loader), '--library-path', path, join(folder, program)];
}
