import type { EngineStatus } from '@orlop/api';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

interface StatusOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
}

export function registerStatus(program: Command, context: CommandContext): void {
  program
    .command('status')
    .description('show the engines: state, stages of their start, ports, what they take')
    .argument('[name]', 'only this one')
    .option('--json', 'print as JSON')
    .option('-w, --watch', 'then print what happens, until Ctrl-C')
    .action((name: string | undefined, options: StatusOptions) => showStatus(name, { context, options }));
}

async function showStatus(
  name: string | undefined,
  { context, options }: { readonly context: CommandContext; readonly options: StatusOptions },
): Promise<void> {
  const { ensureDaemon, findDaemon } = await import('./engine-daemon.ts');
  const { formatEngine, formatUsage } = await import('./engine-report.ts');
  // One that ends tells how far it is.
  const client = (await findDaemon(context)) ?? (await ensureDaemon(context));
  const engines: readonly EngineStatus[] =
    name === undefined ? (await client.status()).engines : [await client.engine(name)];
  const shown = await Promise.all(
    engines.map(async (engine) => ({ engine, usage: await client.usage(engine.name) })),
  );
  if (options.json) {
    context.stdout.write(`${JSON.stringify(shown.map(({ engine, usage }) => ({ ...engine, usage })))}\n`);
  } else if (engines.length === 0) context.stdout.write('there is no engine yet: orlop up\n');
  else
    context.stdout.write(
      shown.map(({ engine, usage }) => formatEngine(engine) + formatUsage(usage, engine.name)).join(''),
    );
  if (options.watch !== true) return;
  try {
    for await (const event of client.events({
      ...(name !== undefined && { engine: name }),
      signal: context.signal,
    })) {
      context.stdout.write(`${JSON.stringify(event)}\n`);
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
}
