import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export function registerShell(program: Command, context: CommandContext): void {
  program
    .command('shell')
    .alias('ssh')
    .description("a shell in an engine's machine, on its console; or one command, as root and beside dockerd")
    .argument('[name]', 'one of several engines; needed before a command', 'default')
    .argument('[command...]', 'its words are joined for the shell of the machine, as ssh does')
    .passThroughOptions()
    .addHelpText(
      'after',
      '\nCtrl-] then d leaves the shell; the engine goes on. A command has the streams\n' +
        'and the end of its input that it is given, its exit status is handed on (255:\n' +
        'none came), and Ctrl-C ends it: tar c . | orlop ssh default tar x -C /root',
    )
    .action(async (name: string, words: readonly string[]) => {
      const { ensureDaemon } = await import('./engine-daemon.ts');
      await (await ensureDaemon(context)).wake(name);
      // Options of the command need no `--` before it, and it may be there.
      const command = (words[0] === '--' ? words.slice(1) : words).join(' ');
      if (command === '') await openShell(context, name);
      else await runCommand(context, name, command);
    });
}

async function openShell(context: CommandContext, name: string): Promise<void> {
  const { instancePaths } = await import('@orlop/engine');
  const { engineHome } = await import('./engine-daemon.ts');
  const { attachMachine, checkEnd } = await import('./run-attach.ts');
  const { Machines } = await import('./run-machines.ts');
  const { machineName } = instancePaths(engineHome(context), name);
  const machine = await new Machines(context).open(machineName);
  const end = await attachMachine(context, machine, { owner: false });
  if (end.kind === 'stopped') checkEnd(machineName, end.state);
}

/** As of ssh(1): its own failures are told apart from those of commands. */
const NO_STATUS = 255;

async function runCommand(context: CommandContext, name: string, command: string): Promise<void> {
  const { instancePaths, runMachineCommand } = await import('@orlop/engine');
  const { engineHome } = await import('./engine-daemon.ts');
  const { reportError } = await import('../report-error.ts');
  const { stdin, stdout, stderr, signal } = context;
  const socket = instancePaths(engineHome(context), name).commandSocket;
  try {
    process.exitCode = await runMachineCommand({ socket, command, stdin, stdout, stderr, signal });
  } catch (error) {
    signal.throwIfAborted();
    reportError(error, (text) => void stderr.write(text));
    process.exitCode = NO_STATUS;
  }
}
