import { OrlopError } from '@orlop/core';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';

export function registerRm(program: Command, context: CommandContext): void {
  program
    .command('rm')
    .description('remove machines, with their disks and logs; of a folder that --state named, what is theirs')
    .argument('<name...>', 'machines of `orlop ps --all`')
    .option('-f, --force', 'end those that run; no failure where there is none')
    .action(async (names: readonly string[], options: { force?: boolean }) => {
      const { Machines } = await import('./run-machines.ts');
      const machines = new Machines(context);
      for (const name of names) {
        const removed = await removeMachine(name, { machines, force: options.force === true });
        if (removed) context.stdout.write(`${name}\n`);
      }
    });
}

async function removeMachine(
  name: string,
  { machines, force }: { machines: import('./run-machines.ts').Machines; force: boolean },
): Promise<boolean> {
  try {
    const machine = await machines.open(name);
    const state = await machine.state();
    if (state.kind === 'running') {
      if (!force) {
        throw cliError('rm.running', `machine "${name}" runs`, {
          hint: `\`orlop stop ${name}\` first, or --force`,
        });
      }
      await machine.kill();
    }
  } catch (error) {
    const absent = error instanceof OrlopError && error.code === 'run.unknown-machine';
    // A folder whose start never came so far as to say what it is.
    const empty =
      error instanceof OrlopError && (error.code === 'vm.not-found' || error.code === 'vm.bad-state');
    if (absent && force) return false;
    if (!empty) throw error;
  }
  await machines.remove(name);
  return true;
}
