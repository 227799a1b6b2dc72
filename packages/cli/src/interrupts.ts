import { isatty } from 'node:tty';
import { cliError } from './errors.ts';
import { exitStatus } from './exit-status.ts';

/**
 * Aborts by Ctrl-C and SIGTERM, a second of which ends the process at once, and when the terminal closes. Node.js takes
 * back that SIGHUP is ignored, which is all that nohup(1) does: who is not shown on a terminal goes on.
 */
export function abortBySignals(process: NodeJS.Process, interrupt: AbortController): void {
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (interrupt.signal.aborted) endBy(process, name);
      interrupt.abort(stoppedBy(name));
    });
  }
  // Asked now: one that has closed is none any more. It may tell the process and its shell may do so, too.
  const isShown = [0, 1, 2].some((descriptor) => isatty(descriptor));
  process.on('SIGHUP', () => {
    if (isShown) interrupt.abort(stoppedBy('SIGHUP'));
  });
}

/**
 * After what listens for the exit, the signal itself ends the process: `process.exit` would wait for calls that the
 * system has not answered, such as to a file server that is gone.
 */
function endBy(process: NodeJS.Process, name: NodeJS.Signals): never {
  process.on('exit', () => {
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.removeAllListeners(name);
    process.kill(process.pid, name);
  });
  process.exit(exitStatus.cancelled);
}

function stoppedBy(name: string): Error {
  return cliError('cli.interrupted', `stopped by ${name}`);
}
