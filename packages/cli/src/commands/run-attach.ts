import { attachConsole, ESCAPE_HELP, type Machine, rotateLog, type StoppedState } from '@orlop/vm';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';

/** What an interrupt, or the escape's `q`, gives the guest before it is ended. */
const GRACE_MS = 30_000;
const ROTATE_EVERY_MS = 10_000;

/** How an attached console ended for the machine. */
export type AttachedEnd =
  | { readonly kind: 'detached' }
  | { readonly kind: 'stopped'; readonly state: StoppedState };

export interface AttachOptions {
  /** Whether the machine's life hangs on this console: an interrupt powers it off. */
  readonly owner: boolean;
  /** Called when the console is open. */
  readonly onOpen?: () => Promise<void>;
}

/** Shows a machine's console on the terminal until the machine stops or the person detaches. */
export async function attachMachine(
  context: CommandContext,
  machine: Machine,
  { owner, onOpen }: AttachOptions,
): Promise<AttachedEnd> {
  const say = (line: string) => void context.stderr.write(`orlop: ${line}\n`);
  const console = await machine.console.open();
  const timer = setInterval(() => void rotateLog(machine.console.logPath), ROTATE_EVERY_MS);
  try {
    if (context.stdin.isTTY === true) say(`the console of ${machine.spec.name}. ${ESCAPE_HELP}`);
    await onOpen?.();
    const end = await attachConsole(
      console,
      { input: context.stdin, output: context.stdout },
      { signal: context.signal, say, onContinued },
    );
    switch (end) {
      case 'detach':
        say(`${machine.spec.name} goes on; \`orlop console ${machine.spec.name}\` comes back to it`);
        return { kind: 'detached' };
      case 'aborted':
        if (!owner) return { kind: 'detached' };
        say(`powering off ${machine.spec.name}; once more to end it at once`);
        return { kind: 'stopped', state: await machine.stop({ graceMs: GRACE_MS }) };
      case 'power-off':
        say(`powering off ${machine.spec.name}`);
        return { kind: 'stopped', state: await machine.stop({ graceMs: GRACE_MS }) };
      case 'kill':
        return { kind: 'stopped', state: await machine.kill() };
      case 'closed':
        return { kind: 'stopped', state: await machine.waitForExit() };
    }
  } finally {
    clearInterval(timer);
    console.destroy();
  }
}

function onContinued(listener: () => void): () => void {
  process.on('SIGCONT', listener);
  return () => void process.off('SIGCONT', listener);
}

/** @throws OrlopError `run.died` when the machine ended otherwise than it should, with its last words */
export function checkEnd(name: string, state: StoppedState): void {
  if (state.reason !== 'died') return;
  throw cliError(
    'run.died',
    `machine "${name}" died${state.detail === undefined ? '' : `: ${state.detail}`}`,
    {
      hint: `\`orlop logs ${name}\` shows its console`,
    },
  );
}
