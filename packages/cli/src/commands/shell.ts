import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export function registerShell(program: Command, context: CommandContext): void {
  program
    .command('shell')
    .alias('ssh')
    .description("a shell in an engine's machine, on its console")
    .argument('[name]', 'one of several engines', 'default')
    .addHelpText('after', '\nCtrl-] then d leaves the shell; the engine goes on.')
    .action(async (name: string) => {
      const { instancePaths } = await import('@orlop/engine');
      const { ensureDaemon, engineHome } = await import('./engine-daemon.ts');
      const { attachMachine, checkEnd } = await import('./run-attach.ts');
      const { Machines } = await import('./run-machines.ts');
      await (await ensureDaemon(context)).wake(name);
      const { machineName } = instancePaths(engineHome(context), name);
      const machine = await new Machines(context).open(machineName);
      const end = await attachMachine(context, machine, { owner: false });
      if (end.kind === 'stopped') checkEnd(machineName, end.state);
    });
}
