import { statfs } from 'node:fs/promises';
import type { ErrorKind, OrlopError } from '@orlop/core';
import { cliError } from './errors.ts';

interface Meaning {
  readonly kind: ErrorKind;
  /** Completes `TARGET: …`. */
  readonly words: string;
  readonly hint?: string;
}

const ROOM = 'make room there; ORLOP_HOME and TMPDIR name folders on other file systems';

/** What the system's own codes mean to a user (errno(3)). */
const meanings: Readonly<Record<string, Meaning>> = {
  EACCES: { kind: 'denied', words: 'this user may not do that' },
  EADDRINUSE: { kind: 'conflict', words: 'the address is in use', hint: 'ss -ltnup says by whom' },
  EDQUOT: { kind: 'unavailable', words: "the user's quota is used up", hint: ROOM },
  EEXIST: { kind: 'conflict', words: 'it exists already' },
  EFBIG: {
    kind: 'unavailable',
    words: 'no file may be so large there',
    hint: 'FAT has files below 4 GiB; ulimit -f says what this shell allows',
  },
  EISDIR: { kind: 'invalid', words: 'it is a folder, not a file' },
  ELOOP: { kind: 'invalid', words: 'its links lead in a circle' },
  EMFILE: { kind: 'unavailable', words: 'too many open files', hint: 'ulimit -n says how many there may be' },
  ENAMETOOLONG: { kind: 'invalid', words: 'the name is too long' },
  ENFILE: { kind: 'unavailable', words: 'the host has too many open files' },
  ENOENT: { kind: 'not-found', words: 'there is no such file or folder' },
  ENOMEM: { kind: 'unavailable', words: 'the host is out of memory' },
  ENOSPC: { kind: 'unavailable', words: 'no space is left', hint: ROOM },
  ENOTDIR: { kind: 'invalid', words: 'a part of the path is not a folder' },
  EPERM: { kind: 'denied', words: 'this user may not do that' },
  EROFS: { kind: 'denied', words: 'the file system is read-only' },
};

const codeOfKind: Readonly<Partial<Record<ErrorKind, Parameters<typeof cliError>[0]>>> = {
  conflict: 'cli.system-conflict',
  denied: 'cli.system-denied',
  invalid: 'cli.system-invalid',
  'not-found': 'cli.system-not-found',
  unavailable: 'cli.system-unavailable',
};

/**
 * What the operating system refused, as a failure in operation: the last net below what commands say better themselves.
 * @returns nothing for any other error, which is a bug
 */
export function systemFailure(error: unknown): OrlopError | undefined {
  if (!isSystemError(error)) return undefined;
  const { code, syscall } = error;
  const target = error.path ?? error.address;
  const subject = syscall === 'uv_cwd' ? 'the working folder' : [syscall, target].join(' ').trim();
  const meaning = meaningOf(error);
  const hint = meaning.hint === undefined ? {} : { hint: meaning.hint };
  return cliError(
    codeOfKind[meaning.kind] ?? 'cli.system-failed',
    `${subject}: ${meaning.words} (${code})`,
    hint,
  );
}

/**
 * That nothing more can be written, where the system does not say whereto: to the state folder if that is full, else to
 * `place`. @returns nothing for other errors
 */
export async function outOfRoom(
  error: unknown,
  { place: own, home }: { readonly place: string; readonly home?: string },
): Promise<OrlopError | undefined> {
  if (!isSystemError(error) || (error.code !== 'ENOSPC' && error.code !== 'EDQUOT')) return undefined;
  const place = home !== undefined && (await freeBytes(home)) < FULL_BYTES ? home : own;
  return cliError('cli.system-unavailable', `${place}: no space is left (${error.code})`, { hint: ROOM });
}

/** What is less is no room for anything. */
const FULL_BYTES = 1 << 20;

async function freeBytes(path: string): Promise<number> {
  const found = await statfs(path).catch(() => undefined);
  return found === undefined ? Number.POSITIVE_INFINITY : found.bavail * found.bsize;
}

function meaningOf({ code, syscall, message }: SystemError): Meaning {
  // Node's recursive mkdir says ENOENT where the file system is read-only.
  if ((syscall === 'mkdir' || syscall === 'mkdtemp') && code === 'ENOENT')
    return { kind: 'denied', words: 'the folder cannot be made; its file system may be read-only' };
  return meanings[code] ?? { kind: 'failed', words: message };
}

type SystemError = NodeJS.ErrnoException & {
  readonly code: string;
  readonly syscall: string;
  readonly address?: string;
};

function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error &&
    'syscall' in error &&
    typeof error.syscall === 'string' &&
    'code' in error &&
    typeof error.code === 'string'
  );
}
