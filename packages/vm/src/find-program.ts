import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { vmError } from './errors.ts';

/** @returns the path of a program, looked for as a shell does; undefined when there is none. */
export async function findProgram(name: string, searchPath: string): Promise<string | undefined> {
  const candidates = isAbsolute(name)
    ? [name]
    : searchPath.split(delimiter).map((folder) => join(folder === '' ? '.' : folder, name));
  for (const candidate of candidates) {
    if (await canExecute(candidate)) return candidate;
  }
  return undefined;
}

/** @throws OrlopError `vm.tool-missing` with the Debian package that has it. */
export async function requireProgram(
  name: string,
  { searchPath, debianPackage }: { searchPath: string; debianPackage: string },
): Promise<string> {
  const path = await findProgram(name, searchPath);
  if (path !== undefined) return path;
  throw vmError('vm.tool-missing', `the program "${name}" is not installed`, {
    hint: `install it, on Debian with: apt-get install ${debianPackage}`,
  });
}

async function canExecute(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
