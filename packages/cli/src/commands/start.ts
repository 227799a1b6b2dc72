import type { AcceleratorName } from '@orlop/vm';
import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import { parseAccelerators } from './run-options.ts';

interface StartOptions {
  readonly attach?: boolean;
  readonly accel?: readonly AcceleratorName[] | 'auto';
}

export function registerStart(program: Command, context: CommandContext): void {
  program
    .command('start')
    .description('start a stopped machine again as it was run, with its disks and addresses')
    .argument('<name>', 'a machine of `orlop ps --all`')
    .option('-a, --attach', 'show its console, as `orlop run` does')
    .addOption(
      new Option('--accel <name>', 'another accelerator than it was run with').argParser(parseAccelerators),
    )
    .action(async (name: string, options: StartOptions) => {
      const { Machines } = await import('./run-machines.ts');
      const { readRecord, startRecorded } = await import('./run-start.ts');
      const machines = new Machines(context);
      const machine = await machines.open(name);
      const record = await readRecord(machine.folder);
      await startRecorded(machine.spec, {
        context,
        machines,
        folder: machine.folder,
        record: options.accel === undefined ? record : { ...record, accel: options.accel },
        detached: options.attach !== true,
        remove: false,
      });
    });
}

export function registerConsole(program: Command, context: CommandContext): void {
  program
    .command('console')
    .description('attach to the console of a running machine')
    .argument('<name>', 'a machine of `orlop ps`')
    .addHelpText(
      'after',
      '\nEvery key goes to the guest; Ctrl-] then d detaches, q powers off,\nk kills, ? helps.',
    )
    .action(async (name: string) => {
      const { attachMachine, checkEnd } = await import('./run-attach.ts');
      const { Machines } = await import('./run-machines.ts');
      const machine = await new Machines(context).open(name);
      const end = await attachMachine(context, machine, { owner: false });
      if (end.kind === 'stopped') checkEnd(name, end.state);
    });
}
