import { isatty } from 'node:tty';
import { cliError } from './errors.ts';

/**
 * Aborts by Ctrl-C and SIGTERM, a second of which ends the process at once, and when the terminal closes. Node.js takes
 * back that SIGHUP is ignored, which is all that nohup(1) does: who is not shown on a terminal goes on.
 */
export function abortBySignals(process: NodeJS.Process, interrupt: AbortController): void {
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (interrupt.signal.aborted) process.exit(130);
      interrupt.abort(stoppedBy(name));
    });
  }
  // Asked now: one that has closed is none any more. It may tell the process and its shell may do so, too.
  const isShown = [0, 1, 2].some((descriptor) => isatty(descriptor));
  process.on('SIGHUP', () => {
    if (isShown) interrupt.abort(stoppedBy('SIGHUP'));
  });
}

function stoppedBy(name: string): Error {
  return cliError('cli.interrupted', `stopped by ${name}`);
}
