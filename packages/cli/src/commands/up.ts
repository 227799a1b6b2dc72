import type { DaemonClient, EngineStatus } from '@orlop/api';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { systemFailure } from '../system-error.ts';
import { each } from './each.ts';
import { interrupted } from './interrupted.ts';
import { parseCount } from './run-options.ts';

export interface UpOptions {
  readonly cpus?: number;
  readonly memory?: string;
  readonly disk?: string;
  readonly share?: readonly string[];
  readonly image?: string;
  readonly set: readonly string[];
  readonly use?: boolean;
  readonly fresh?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function registerUp(program: Command, context: CommandContext): void {
  addStartOptions(
    program
      .command('up')
      .description('start the Docker engine in its machine, and put its socket at hand')
      .argument('[name]', 'one of several engines', 'default'),
  )
    .option('--fresh', 'start from nothing, although its state was saved')
    .addHelpText(
      'after',
      '\nOptions hold until the engine stops; `orlop config set` keeps them.\nCtrl-C gives the start up.',
    )
    .action(async (name: string, options: UpOptions) => {
      const { ensureDaemon } = await import('./engine-daemon.ts');
      await bringUp(await ensureDaemon(context), name, { context, options });
    });
}

export function addStartOptions(command: Command): Command {
  return command
    .option('--cpus <n>', 'processors', parseCount)
    .option('--memory <size>', 'memory, e.g. 4GiB')
    .option('--disk <size>', 'size of the data disk, e.g. 100GiB; grows only')
    .option('--share <path[:ro]>', 'a host folder for the machine, at the same path (repeatable)', each)
    .option('--image <file>', 'another image description than examples/engine.yml')
    .option('--set <setting=value>', 'any setting of `orlop config ls` (repeatable)', each, [])
    .option('--use', "make it the Docker client's context")
    .option('--json', "print the engine's status as JSON")
    .option('-q, --quiet', 'print no stages');
}

/** Starts an engine, shows its stages, and prints how to reach it. */
export async function bringUp(
  client: DaemonClient,
  name: string,
  { context, options }: { readonly context: CommandContext; readonly options: UpOptions },
): Promise<void> {
  const settings = await flagSettings(context, options);
  const status = await watchStart(client, name, {
    context,
    settings,
    fresh: options.fresh === true,
    quiet: options.quiet === true || options.json === true,
  });
  const { contextName, shellWord } = await import('@orlop/engine');
  await offerContext(context, name, { settings, use: options.use === true });
  if (options.json) {
    context.stdout.write(`${JSON.stringify(status)}\n`);
    return;
  }
  if (options.quiet) return;
  context.stdout.write(`export DOCKER_HOST=${shellWord(status.dockerHost)}\n`);
  context.stderr.write(
    `Docker ${status.dockerVersion} answers; or: docker --context ${contextName(name)} info\n`,
  );
}

/** The Docker client's context is the user's affair, wherever the daemon was started from: it is made by the command. */
async function offerContext(
  context: CommandContext,
  name: string,
  { settings, use }: { readonly settings: Record<string, unknown>; readonly use: boolean },
): Promise<void> {
  const { loadSettings } = await import('@orlop/engine');
  const { dockerContext } = await import('./docker-contexts.ts');
  const made = await dockerContext(context, name);
  if ((await loadSettings(made.paths, settings)).flag('docker.context')) {
    try {
      const outcome = await made.write();
      if (outcome.kind === 'taken')
        context.stderr.write(`orlop: the Docker context ${made.name} is another's, to ${outcome.host}\n`);
    } catch (error) {
      // The engine is there all the same, and its socket.
      const reason = (systemFailure(error) ?? (error as Error)).message;
      context.stderr.write(`orlop: the Docker context ${made.name} is not written: ${reason}\n`);
    }
  }
  if (use) await made.select();
}

async function watchStart(
  client: DaemonClient,
  name: string,
  options: {
    readonly context: CommandContext;
    readonly settings: Record<string, unknown>;
    readonly fresh: boolean;
    readonly quiet: boolean;
  },
): Promise<EngineStatus> {
  const { context, settings, fresh, quiet } = options;
  const { reportStages } = await import('./engine-report.ts');
  const report = reportStages(context);
  const over = new AbortController();
  const watching = (async () => {
    for await (const event of client.events({ engine: name, signal: over.signal })) if (!quiet) report(event);
  })();
  watching.catch(() => undefined); // ends with the start
  const left = new AbortController();
  const giveUp = async () => {
    // The daemon gives the start up, and the request below fails for that; unless somebody else waits for it too.
    const { state } = await client.giveUpStart(name);
    if (state.kind === 'starting' || state.kind === 'stopping') left.abort(state.kind);
  };
  const onInterrupt = () => void giveUp().catch((error: Error) => context.logger.warn(error.message));
  if (!quiet) await tellOfStop(client, name, context);
  context.signal.throwIfAborted();
  context.signal.addEventListener('abort', onInterrupt, { once: true });
  try {
    return await client.start(name, { settings, fresh, signal: left.signal });
  } catch (error) {
    if (!left.signal.aborted) throw error;
    throw interrupted(context, `the engine "${name}" goes on ${left.signal.reason}`);
  } finally {
    context.signal.removeEventListener('abort', onInterrupt);
    over.abort();
  }
}

/** A start waits for a stop that is under way. */
async function tellOfStop(client: DaemonClient, name: string, context: CommandContext): Promise<void> {
  const { engines } = await client.status(context);
  if (engines.find((engine) => engine.name === name)?.state.kind === 'stopping')
    context.stderr.write(`orlop: waits until the engine "${name}" has stopped\n`);
}

async function flagSettings(context: CommandContext, options: UpOptions): Promise<Record<string, unknown>> {
  const { resolve } = await import('node:path');
  const { engineError, isSettingName, parseValue, settingOf } = await import('@orlop/engine');
  const settings: Record<string, unknown> = {
    ...(options.cpus !== undefined && { cpus: options.cpus }),
    ...(options.memory !== undefined && { memory: options.memory }),
    ...(options.disk !== undefined && { disk: options.disk }),
    ...(options.share !== undefined && {
      shares: options.share.map((text) => {
        const mode = /:r[ow]$/.exec(text)?.[0] ?? '';
        return `${resolve(context.cwd, text.slice(0, text.length - mode.length))}${mode}`;
      }),
    }),
    ...(options.image !== undefined && { image: resolve(context.cwd, options.image) }),
  };
  for (const text of options.set) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (!isSettingName(name))
      throw engineError('engine.bad-setting', `there is no setting "${name || text}"`);
    settings[name] = parseValue(settingOf(name), value);
  }
  return settings;
}
