import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DaemonClient, DaemonStatus } from '@orlop/api';
import { OrlopError } from '@orlop/core';
import type { DaemonOptions, EngineHome, EngineSurroundings } from '@orlop/engine';
import { COMMIT, VERSION } from '../build-info.ts';
import type { CommandContext } from '../context.ts';
import { withRegistryClient } from './cache-options.ts';
import { lastWords } from './last-words.ts';

const START_TIMEOUT_MS = 30_000;
const POLL_MS = 25;

export function engineHome(context: CommandContext): EngineHome {
  const { home, cache, debian, machines, probes } = context.paths;
  return { home, cache: resolve(context.cwd, context.env['ORLOP_CACHE'] || cache), debian, machines, probes };
}

export function dockerConfig({ env }: CommandContext): { readonly folder: string } {
  return { folder: env['DOCKER_CONFIG'] ?? join(env['HOME'] ?? '/nonexistent', '.docker') };
}

/** What comes with the program: dist/orlop.mjs lies beside examples/ and pkg/. */
export function ownFolders(): { readonly examples: string; readonly pkg: string } {
  const root = resolve(dirname(process.argv[1] ?? '.'), '..');
  return { examples: join(root, 'examples'), pkg: join(root, 'pkg') };
}

/** What the daemon's engines are made with. */
export async function engineSurroundings(context: CommandContext): Promise<EngineSurroundings> {
  const { createQemuDriver, hostClock } = await import('../qemu-driver.ts');
  const own = ownFolders();
  return {
    home: engineHome(context),
    clock: hostClock,
    logger: context.logger,
    searchPath: context.env['PATH'] ?? '',
    driver: createQemuDriver(context),
    image: {
      description: join(own.examples, 'engine.yml'),
      pkgFolders: [own.pkg],
      withRegistry: (work) => withRegistryClient(context, { mirror: [], certFile: [] }, work),
      progress: () => {},
    },
  };
}

/**
 * A client of the daemon, if there is one that answers. One of another build is told of, unless asked not to: what it
 * does may be what this program no longer, or does not yet, expect.
 */
export async function findDaemon(
  context: CommandContext,
  { silent = false }: { readonly silent?: boolean } = {},
): Promise<DaemonClient | undefined> {
  const found = await askDaemon(context);
  if (found !== undefined && !silent) tellOtherBuild(context, found.status);
  return found?.client;
}

/** @returns undefined where none answers */
async function askDaemon(
  context: CommandContext,
): Promise<{ readonly client: DaemonClient; readonly status: DaemonStatus } | undefined> {
  const { connectDaemon, daemonPaths } = await import('@orlop/engine');
  const client = connectDaemon(daemonPaths(context.paths).socket);
  try {
    return { client, status: await client.status({ signal: context.signal }) };
  } catch (error) {
    if (error instanceof OrlopError && error.code === 'daemon.not-running') return undefined;
    throw error;
  }
}

/** {@link findDaemon}, when one that ends has ended. */
async function untilNotEnding(context: CommandContext): Promise<DaemonClient | undefined> {
  let found = await askDaemon(context);
  if (found?.status.ending === true)
    context.stderr.write('orlop: waits for the end of a daemon that stops its engines\n');
  while (found?.status.ending === true) {
    await sleep(POLL_MS, undefined, { signal: context.signal });
    found = await askDaemon(context);
  }
  if (found !== undefined) tellOtherBuild(context, found.status);
  return found?.client;
}

function tellOtherBuild(context: CommandContext, status: DaemonStatus): void {
  const other = otherBuild(status);
  if (other !== undefined) context.stderr.write(`orlop: ${other}\n`);
}

/** @returns what to say of a daemon that was built of something else; one from before builds were told is another, too */
export function otherBuild(
  { version, commit }: { readonly version: string; readonly commit?: string },
  own = { version: VERSION, commit: COMMIT },
): string | undefined {
  if (own.commit === '' || (version === own.version && commit === own.commit)) return undefined;
  const named = (build: string, of: string | undefined) =>
    of === undefined ? `${build}, older` : `${build}, ${of.slice(0, 12) || 'unknown'}`;
  const remedy = commit === undefined ? '`orlop down --all`' : '`orlop daemon restart`, and containers go on';
  return `the daemon is of another build (${named(version, commit)}) than this program (${named(own.version, own.commit)}): ${remedy}`;
}

/**
 * A client of the daemon, which is started in the background when there is none, or when the one that there is has ended.
 *
 * @throws OrlopError `daemon.start-failed`
 */
export async function ensureDaemon(context: CommandContext): Promise<DaemonClient> {
  const running = await untilNotEnding(context);
  if (running !== undefined) return running;
  return untilAnswered(context, await startDaemon(context, []));
}

/**
 * Puts a daemon of this program in the place of the one that runs, which leaves its engines to it. It is there and waits
 * before that one ends, so that Docker's sockets are away for as long as it takes to open them.
 *
 * @throws OrlopError `engine.busy` when an engine starts or stops, `daemon.start-failed`; the one that runs goes on then
 */
export async function succeedDaemon(context: CommandContext, before: DaemonClient): Promise<DaemonClient> {
  const successor = await startDaemon(context, ['--successor']);
  try {
    await Promise.race([once(successor, 'message', { signal: context.signal }), once(successor, 'exit')]);
    if (successor.exitCode !== null) throw await startFailure(context);
    await before.shutdown({ keepEngines: true });
    while ((await before.status().catch(() => undefined))?.ending === true) {
      await sleep(POLL_MS, undefined, { signal: context.signal });
    }
    return await untilAnswered(context, successor);
  } finally {
    // One that still waits ends with it.
    if (successor.connected) successor.disconnect();
  }
}

/** What the daemon that {@link succeedDaemon} has started waits with: it gives up when that command has ended. */
export function asSuccessor(signal: AbortSignal): NonNullable<DaemonOptions['successor']> {
  const left = new AbortController();
  process.once('disconnect', () => left.abort());
  return { onWait: () => process.send?.('waits'), signal: AbortSignal.any([signal, left.signal]) };
}

/** @returns the process, with a channel to it */
async function startDaemon(context: CommandContext, options: readonly string[]): Promise<ChildProcess> {
  const { assertSocketPath, daemonPaths } = await import('@orlop/engine');
  const paths = daemonPaths(context.paths);
  assertSocketPath(paths.socket);
  mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
  const log = openSync(paths.log, 'a', 0o600);
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', 'daemon', ...options], {
    cwd: context.paths.home,
    detached: true,
    stdio: ['ignore', log, log, ...(options.length > 0 ? (['ipc'] as const) : [])],
    env: { ...context.env, ORLOP_LOG: context.env['ORLOP_LOG'] ?? 'info' },
  });
  closeSync(log);
  child.unref();
  return child;
}

/** @throws OrlopError `daemon.start-failed` */
async function untilAnswered(context: CommandContext, child: ChildProcess): Promise<DaemonClient> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const found = await askDaemon(context);
    if (found !== undefined) return found.client;
    // Another command may have started one at the same time: that one counts.
    if (child.exitCode !== null && child.exitCode !== 4) break;
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
  throw await startFailure(context);
}

async function startFailure({ paths }: CommandContext): Promise<OrlopError> {
  const { daemonPaths, engineError } = await import('@orlop/engine');
  const { log } = daemonPaths(paths);
  return engineError('daemon.start-failed', `the daemon does not start: ${await lastWords(log)}`, {
    hint: `its log is ${log}`,
  });
}
