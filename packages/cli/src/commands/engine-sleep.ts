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
    .command('wake')
    .description('let the processors of an engine run')
    .argument('[name]', 'one of several engines', 'default')
    .action(async (name: string) => {
      const { ensureDaemon } = await import('./engine-daemon.ts');
      await (await ensureDaemon(context)).wake(name);
    });
}
