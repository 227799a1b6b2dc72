import { OrlopError } from '@orlop/core';

/** One thing that was looked at. A `note` hinders only those who need that very thing. */
export interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'note' | 'fail';
  readonly detail: string;
  readonly hint?: string;
}

/** A program that is not there, and the Debian package that brings it. */
export function missing(
  name: string,
  { detail, debianPackage, needed }: { detail: string; debianPackage: string; needed: boolean },
): Finding {
  return {
    name,
    status: needed ? 'fail' : 'note',
    detail: `not installed (${detail})`,
    hint: `on Debian: apt-get install ${debianPackage}`,
  };
}

/** What an error says, as a note. @throws what is no failure in operation */
export function noteFrom(name: string, error: unknown): Finding {
  if (!(error instanceof OrlopError)) throw error;
  return {
    name,
    status: 'note',
    detail: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}
