import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export function registerSleep(program: Command, context: CommandContext): void {
  program
    .command('sleep')
    .description("stop an engine's processors; the next request to Docker wakes it")
    .argument('[name]', 'one of several engines', 'default')
    .action(async (name: string) => {
      const { ensureDaemon } = await import('./engine-daemon.ts');
      await (await ensureDaemon(context)).sleep(name);
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
      const status = await (await ensureDaemon(context)).suspend(name);
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
      await (await ensureDaemon(context)).wake(name);
    });
}
