import { mkdirSync, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cliError } from './errors.ts';
import { systemFailure } from './system-error.ts';

/**
 * Makes a folder that Orlop keeps things in (0700), so that whatever is made in it later is made in one that is there. Node's
 * recursive mkdir tries for ever where a file system has no folders but its own, as /proc.
 *
 * @param variable says where it is
 * @throws OrlopError `cli.no-home`
 */
export function makeHome(home: string, variable: 'ORLOP_HOME' | 'ORLOP_CACHE'): void {
  try {
    if (statSync(home, { throwIfNoEntry: false })?.isDirectory() === true) assertHoldsFolders(home);
    else makeFolder(home);
  } catch (error) {
    throw cliError('cli.no-home', `${home} cannot be the folder that Orlop keeps its files in`, {
      cause: systemFailure(error) ?? error,
      hint: `set ${variable} to a folder that this user can make, on a disk`,
    });
  }
}

/** What is only read-only or full is said by who wants to write: much can be done there all the same. */
function assertHoldsFolders(home: string): void {
  try {
    rmdirSync(mkdtempSync(join(home, '.probe-')));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw error;
  }
}

/** Makes what is missing of a folder's path, for its user alone. @throws what the system says, and never tries for ever */
export function makeFolder(folder: string): void {
  const parent = dirname(folder);
  if (parent !== folder && statSync(parent, { throwIfNoEntry: false }) === undefined) makeFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another command may have been first.
    const isFolder = codeOf(error) === 'EEXIST' && statSync(folder).isDirectory();
    if (!isFolder) throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
