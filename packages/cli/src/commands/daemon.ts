import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { parseSeconds } from './run-options.ts';

/** A daemon that nobody needs ends after this; `orlop up` starts another. */
const IDLE_EXIT_SECONDS = 60;

export function registerDaemon(program: Command, context: CommandContext): void {
  program
    .command('daemon', { hidden: true })
    .description('run the daemon in the foreground; `orlop up` starts it in the background')
    .option('--idle-exit <seconds>', 'end after this time without an engine', parseSeconds, IDLE_EXIT_SECONDS)
    .option('--no-idle-exit', 'never end without being told')
    .action(async (options: { readonly idleExit: number | false }) => {
      const { runDaemon } = await import('@orlop/engine');
      const { engineSurroundings } = await import('./engine-daemon.ts');
      await runDaemon({
        around: await engineSurroundings(context),
        version: program.version() ?? '',
        signal: context.signal,
        ...(options.idleExit !== false && { idleExitMs: options.idleExit * 1000 }),
      });
    });
}
