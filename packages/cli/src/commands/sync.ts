import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DaemonClient, SyncStatus } from '@orlop/api';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { printable } from '../printable.ts';
import { each } from './each.ts';
import { engineWord } from './engine-words.ts';

interface SyncOptions {
  readonly engine: string;
  readonly json?: boolean;
}

interface CreateOptions extends SyncOptions {
  readonly exclude: readonly string[];
  readonly oneWay?: boolean;
  readonly owner?: string;
  readonly wait: boolean;
}

const LOOK_MS = 300;

export function registerSync(program: Command, context: CommandContext): void {
  const command = program
    .command('sync')
    .description(
      'folders of which the machine has a copy that is kept in step: for trees of many small files',
    );
  const words: SyncWords = {
    context,
    add: (text, summary) =>
      engineWord(command, { text, summary, argumentSummaries: { folder: 'of this host, as `ls` shows it' } }),
    connect: async () => (await import('./engine-daemon.ts')).ensureDaemon(context),
    print: (found, { json }) => {
      const list = Array.isArray(found) ? found : [found];
      if (json) context.stdout.write(`${JSON.stringify(found)}\n`);
      else for (const one of list) context.stdout.write(`${lineOf(one)}\n`);
    },
  };
  registerCreate(words);
  registerLooks(words);
  registerControl(words);
  registerConflicts(words);
  registerRemoval(words);
}

/** What the words of `orlop sync` have in common. */
interface SyncWords {
  readonly context: CommandContext;
  readonly add: (text: string, summary: string) => Command;
  readonly connect: () => Promise<DaemonClient>;
  readonly print: (found: SyncStatus | readonly SyncStatus[], options: SyncOptions) => void;
}

function registerCreate({ context, add, connect, print }: SyncWords): void {
  add('create <folder>', 'begin to keep a folder in step, and wait until it is')
    .option('--exclude <pattern>', 'leave out, as in .gitignore; may be repeated', each, [])
    .option('--one-way', "the machine's own changes stay in the machine")
    .option('--owner <uid:gid>', 'whose the files are in the machine (default: root)')
    .option('--no-wait', 'do not wait until the machine has it')
    .action(async (folder: string, options: CreateOptions) => {
      const daemon = await connect();
      const { engine, exclude, oneWay, owner, wait } = options;
      const made = await daemon.createSync(
        engine,
        {
          path: resolve(context.cwd, folder),
          ...(oneWay === true && { mode: 'one-way' }),
          ...(exclude.length > 0 && { exclude }),
          ...(owner !== undefined && { owner }),
        },
        { signal: context.signal },
      );
      print(wait && made.state !== 'idle' ? await flush(daemon, made, { engine, context }) : made, options);
    });
}

function registerLooks({ context, add, connect, print }: SyncWords): void {
  add('ls', 'list the folders, with how far they are').action(async (options: SyncOptions) => {
    print(await (await connect()).syncs(options.engine), options);
  });
  add('status <folder>', 'tell of one folder what could not be carried, and why').action(
    async (folder: string, options: SyncOptions) => {
      const found = await find(await connect(), folder, { ...options, context });
      print(found, options);
      if (!options.json) context.stdout.write(detailsOf(found));
    },
  );
}

function registerControl({ context, add, connect, print }: SyncWords): void {
  add('pause <folder>', 'carry nothing until it is resumed').action(
    async (folder: string, options: SyncOptions) => {
      const daemon = await connect();
      const { id } = await find(daemon, folder, { ...options, context });
      print(await daemon.pauseSync(options.engine, id), options);
    },
  );
  add('resume <folder>', 'go on after a pause, or after a halt')
    .option('--accept-empty', 'a side that is empty was emptied on purpose: empty the other')
    .action(async (folder: string, options: SyncOptions & { readonly acceptEmpty?: boolean }) => {
      const daemon = await connect();
      const { id } = await find(daemon, folder, { ...options, context });
      const acceptEmpty = options.acceptEmpty === true;
      print(await daemon.resumeSync(options.engine, id, { acceptEmpty }), options);
    });
  add('flush <folder>', 'look at everything, and wait until both sides are the same').action(
    async (folder: string, options: SyncOptions) => {
      const daemon = await connect();
      const found = await find(daemon, folder, { ...options, context });
      print(await flush(daemon, found, { engine: options.engine, context }), options);
    },
  );
}

function registerConflicts({ context, add, connect }: SyncWords): void {
  add(
    'conflicts <folder>',
    'list the versions that were set aside because both sides had changed the same',
  ).action(async (folder: string, options: SyncOptions) => {
    const { conflicts } = await find(await connect(), folder, { ...options, context });
    if (options.json) context.stdout.write(`${JSON.stringify(conflicts)}\n`);
    for (const path of options.json ? [] : conflicts) context.stdout.write(`${printable(path)}\n`);
  });
}

function registerRemoval({ context, add, connect }: SyncWords): void {
  add('rm <folder>', 'bring what is left to the host, and remove the copy in the machine; the folder stays')
    .option('--force', 'without bringing what is left')
    .action(async (folder: string, options: SyncOptions & { readonly force?: boolean }) => {
      const daemon = await connect();
      const { id } = await find(daemon, folder, { ...options, context });
      await daemon.removeSync(options.engine, id, { force: options.force === true, signal: context.signal });
    });
}

/** @throws OrlopError `engine.unknown-sync` */
async function find(
  daemon: DaemonClient,
  folder: string,
  { engine, context }: { readonly engine: string; readonly context: CommandContext },
): Promise<SyncStatus> {
  const path = resolve(context.cwd, folder);
  const found = (await daemon.syncs(engine)).find((one) => one.path === path || one.id === folder);
  if (found !== undefined) return found;
  const { engineError } = await import('@orlop/engine');
  throw engineError('engine.unknown-sync', `${path} is not synchronised with the engine "${engine}"`, {
    hint: 'orlop sync ls',
  });
}

/** Waits, and shows how far it is. */
async function flush(
  daemon: DaemonClient,
  { id, path }: SyncStatus,
  { engine, context }: { readonly engine: string; readonly context: CommandContext },
): Promise<SyncStatus> {
  const done = new AbortController();
  const show = async () => {
    while (!done.signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal: done.signal }).catch(() => undefined);
      const found = (await daemon.syncs(engine).catch(() => [])).find((one) => one.id === id);
      if (found?.progress === undefined || done.signal.aborted) continue;
      context.progress({ task: `synchronise ${printable(path)}`, ...found.progress, unit: 'items' });
    }
  };
  const shown = show();
  try {
    return await daemon.flushSync(engine, id, { signal: context.signal });
  } finally {
    done.abort();
    await shown;
  }
}

function lineOf({
  path,
  mode,
  state,
  problem,
  progress,
  hostEntries,
  conflicts,
  problems,
}: SyncStatus): string {
  const facts = [
    `${hostEntries} entries`,
    ...(mode === 'one-way' ? ['one-way'] : []),
    ...(progress === undefined ? [] : [`${progress.done} of ${progress.total} changes`]),
    ...(conflicts.length > 0 ? [`${conflicts.length} conflicts`] : []),
    ...(problems.length > 0 ? [`${problems.length} problems`] : []),
    ...(problem === undefined ? [] : [problem]),
  ];
  return printable(`${path.padEnd(32)} ${state.padEnd(10)} ${facts.join(', ')}`);
}

function detailsOf({ problems, skipped, conflicts }: SyncStatus): string {
  return [
    ...problems.map(({ path, reason }) => `not carried: ${path}: ${reason}`),
    ...skipped.map((path) => `not kept in step: ${path}`),
    ...conflicts.map((path) => `set aside: ${path}`),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');
}
