import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { orInterrupted } from './interrupted.ts';

export function registerSleep(program: Command, context: CommandContext): void {
  program
    .command('sleep')
    .description("stop an engine's processors; the next request to Docker wakes it")
    .argument('[name]', 'one of several engines', 'default')
    .action(async (name: string) => {
      const { ensureDaemon } = await import('./engine-daemon.ts');
      await (await ensureDaemon(context)).sleep(name, context);
    });
  program
    .command('suspend')
    .description(
      "keep an engine's memory in a file and end its machine; the next request to Docker brings it back",
    )
    .argument('[name]', 'one of several engines', 'default')
    .option('--json', "print the engine's status as JSON")
    .action(async (name: string, options: { readonly json?: boolean }) => {
      const { ensureDaemon } = await import('./engine-daemon.ts');
      const { formatBytes } = await import('../progress.ts');
      const client = await ensureDaemon(context);
      const { connections } = await client.engine(name, context);
      const status = await orInterrupted(context, {
        goesOn: `the engine "${name}" is suspended nevertheless`,
        request: (signal) => client.suspend(name, { signal }),
      });
      if (connections > 0)
        context.stderr.write(`orlop: connections of Docker clients were ended: ${connections}\n`);
      if (options.json) context.stdout.write(`${JSON.stringify(status)}\n`);
      else if (status.state.kind === 'suspended')
        context.stdout.write(`${formatBytes(status.state.fileBytes)}\n`);
    });
  program
    .command('wake')
    .alias('resume')
    .description('let an engine that sleeps, or was suspended, run again')
    .argument('[name]', 'one of several engines', 'default')
    .action(async (name: string) => {
      const { ensureDaemon } = await import('./engine-daemon.ts');
      const client = await ensureDaemon(context);
      await orInterrupted(context, {
        goesOn: `the engine "${name}" is brought back nevertheless`,
        request: (signal) => client.wake(name, { signal }),
      });
    });
}
