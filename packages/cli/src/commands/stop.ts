import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { parseSeconds } from './run-options.ts';

/** A guest ends its services first, and under emulation on a busy host that takes a while. */
const GRACE_SECONDS = 30;

export function registerStop(program: Command, context: CommandContext): void {
  program
    .command('stop')
    .description('power machines off, and end those that do not')
    .argument('<name...>', 'machines of `orlop ps`')
    .option(
      '-t, --time <seconds>',
      'how long a guest may take; 0 ends it at once',
      parseSeconds,
      GRACE_SECONDS,
    )
    .action(async (names: readonly string[], options: { time: number }) => {
      const { Machines } = await import('./run-machines.ts');
      const machines = new Machines(context);
      for (const name of names) {
        const machine = await machines.open(name);
        if (options.time === 0) await machine.kill();
        else await machine.stop({ graceMs: options.time * 1000, signal: context.signal });
        context.stdout.write(`${name}\n`);
      }
    });
}
