import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { COMMIT, VERSION } from '../build-info.ts';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { parseSeconds } from './run-options.ts';

/** A daemon that nobody needs ends after this; `orlop up` starts another. */
const IDLE_EXIT_SECONDS = 60;

export function registerDaemon(program: Command, context: CommandContext): void {
  const daemon = program
    .command('daemon')
    .description('run the daemon in the foreground; `orlop up` starts it in the background')
    .option('--idle-exit <seconds>', 'end after this time without an engine', parseSeconds, IDLE_EXIT_SECONDS)
    .option('--no-idle-exit', 'never end without being told')
    .addOption(new Option('--successor', 'come after the daemon that runs, when that one ends').hideHelp())
    .action(async (options: { readonly idleExit: number | false; readonly successor?: true }) => {
      const { runDaemon } = await import('@orlop/engine');
      const { asSuccessor, engineSurroundings } = await import('./engine-daemon.ts');
      await runDaemon({
        around: await engineSurroundings(context),
        ...(options.successor && { successor: asSuccessor(context.signal) }),
        version: VERSION,
        commit: COMMIT,
        signal: context.signal,
        ...(options.idleExit !== false && { idleExitMs: options.idleExit * 1000 }),
      });
    });
  daemon
    .command('restart')
    .description('replace the daemon, by that of this version; machines and containers go on')
    .action(() => restartDaemon(context));
}

async function restartDaemon(context: CommandContext): Promise<void> {
  const { ensureDaemon, findDaemon, succeedDaemon } = await import('./engine-daemon.ts');
  const before = await findDaemon(context, { silent: true });
  if (before !== undefined) {
    const { commit, pid } = await before.status();
    if (commit === undefined) {
      throw cliError(
        'daemon.too-old',
        `the daemon (process ${pid}) is too old to leave its engines to another`,
        { hint: 'end both, and start them anew: `orlop down --all`, `orlop up`' },
      );
    }
  }
  const client = await (before === undefined ? ensureDaemon(context) : succeedDaemon(context, before));
  const joining = async () => (await client.status()).engines.some(({ state }) => state.kind === 'starting');
  while (await joining()) await pause(context);
  const { version, pid } = await client.status();
  context.stdout.write(`${version}, process ${pid}\n`);
}

const POLL_MS = 50;

const pause = ({ signal }: CommandContext) => sleep(POLL_MS, undefined, { signal });
