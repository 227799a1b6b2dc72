import { formatProblem, OrlopError } from '@orlop/core';
import { exitStatus } from './exit-status.ts';
import { printable } from './printable.ts';
import { systemFailure } from './system-error.ts';

/** Prints a failure for a person and returns the exit status. A bug is printed with its stack. */
export function reportError(thrown: unknown, print: (text: string) => void): number {
  const write = (text: string) => print(printable(text));
  const error = systemFailure(thrown) ?? thrown;
  if (!(error instanceof OrlopError)) {
    write(
      `orlop: this is a bug in Orlop: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    return 70; // EX_SOFTWARE of sysexits.h
  }
  write(`orlop: ${error.message}\n`);
  for (const problem of error.problems) write(`  ${formatProblem(problem)}\n`);
  for (const line of explain(error)) write(`  ${line}\n`);
  return exitStatus[error.kind];
}

/** What is behind a failure, and what to do, each a line. */
export function* explain(error: OrlopError): Generator<string> {
  for (let { cause } = error; cause instanceof Error; { cause } = cause) {
    // Often the message ends in its cause's words.
    if (!error.message.endsWith(cause.message)) yield `because: ${cause.message}`;
  }
  if (error.hint !== undefined) yield `hint: ${error.hint}`;
}
