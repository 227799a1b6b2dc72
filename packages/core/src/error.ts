/**
 * What kind of failure an {@link OrlopError} is. The command line maps it to an exit status, the daemon to an
 * HTTP status; nobody else interprets it.
 */
export type ErrorKind =
  | 'invalid' // the input is wrong: a file, an option, a layer
  | 'not-found'
  | 'conflict' // it exists already, or somebody else holds it
  | 'integrity' // a digest or signature does not match
  | 'denied'
  | 'unavailable' // a peer, a tool or a file system did not answer or is missing
  | 'timeout'
  | 'cancelled'
  | 'failed'; // anything else that went wrong in operation

/** A place in a text file, counted from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One of several things that are wrong with an input. */
export interface Problem {
  readonly message: string;
  readonly position?: SourcePosition;
}

export interface ErrorDetails {
  /** What the user can do about it. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** All the problems, where the input had more than one. */
  readonly problems?: readonly Problem[];
}

/** A failure in operation: it names its subject, the value and what to do. Bugs are `assert`s, not this. */
export class OrlopError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly problems: readonly Problem[];

  constructor(code: string, kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'OrlopError';
    this.code = code;
    this.kind = kind;
    this.hint = details.hint;
    this.problems = details.problems ?? [];
  }
}

/**
 * Makes the one error factory of a package from its table of stable codes.
 *
 * @example
 * export const ociError = defineErrors({ 'oci.digest-mismatch': 'integrity' });
 * throw ociError('oci.digest-mismatch', `blob ${digest} has other content`, { hint: 'pull it again' });
 */
export function defineErrors<const Table extends Readonly<Record<string, ErrorKind>>>(
  table: Table,
): (code: keyof Table & string, message: string, details?: ErrorDetails) => OrlopError {
  return (code, message, details) => new OrlopError(code, table[code] ?? 'failed', message, details);
}

/** `file:line:column: message`, as compilers print it. */
export function formatProblem(problem: Problem): string {
  const at = problem.position;
  return at === undefined ? problem.message : `${at.file}:${at.line}:${at.column}: ${problem.message}`;
}
