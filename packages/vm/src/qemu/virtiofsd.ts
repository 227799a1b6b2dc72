import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open, readFile, realpath, rm, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { vmError } from '../errors.ts';
import { findProgram } from '../find-program.ts';
import { NEW_LOG } from '../log-files.ts';
import type { Share } from '../machine-spec.ts';
import { runTool } from '../run-tool.ts';
import { virtiofsdPaths } from './programs.ts';
import { recordServer } from './server-record.ts';
import { virtiofsdCommands } from './virtiofsd-command.ts';

/** A file server that ends by itself when its one client, QEMU, goes away. */
export interface Virtiofsd {
  /** Relative to the machine's folder. */
  readonly socket: string;
  /** For a start that fails before QEMU connects. */
  kill(): void;
}

export interface StartVirtiofsdOptions {
  readonly index: number;
  /** The machine's. */
  readonly folder: string;
  readonly program: string;
  readonly searchPath: string;
}

/** How long the server may take until it listens. */
const LISTEN_TIMEOUT_MS = 5000;
const LISTEN_POLL_MS = 10;

/**
 * Starts virtiofsd for one share, shut into its folder, and waits until it listens.
 * @throws OrlopError `vm.no-share`, or `vm.start-failed` with the server's own words
 */
export async function startVirtiofsd(share: Share, options: StartVirtiofsdOptions): Promise<Virtiofsd> {
  const { index, folder, program } = options;
  const shared = await stat(share.hostPath).catch(() => undefined);
  if (shared?.isDirectory() !== true) {
    throw vmError('vm.no-share', `there is no folder "${share.hostPath}" to share`);
  }
  // The server opens its folder without following a link.
  const hostPath = await realpath(share.hostPath);
  const socket = socketName(folder, index);
  const logPath = join(folder, `share${index}.log`);
  const { stdout, stderr } = await runTool(program, ['--help'], { timeoutMs: 5000 });
  const lack = await shareLack(options.searchPath);
  const commands = virtiofsdCommands(
    { ...share, hostPath },
    {
      program,
      help: `${stdout}${stderr}`,
      socket,
      userId: process.getuid?.() ?? 0,
      hasIdentityRanges: lack === undefined,
    },
  );
  const log = await open(logPath, NEW_LOG, 0o600);
  let outcome: string | ChildProcess = '';
  try {
    for (const command of commands) {
      await rm(join(folder, socket), { force: true });
      outcome = await startServer(command, { folder, log: log.fd, socket });
      if (typeof outcome !== 'string') break;
    }
  } finally {
    await log.close();
  }
  if (typeof outcome === 'string') {
    throw vmError('vm.start-failed', `virtiofsd for "${share.hostPath}": ${outcome}`, {
      hint: lack ?? `its own words are in "${logPath}"`,
    });
  }
  const server = outcome;
  await recordServer({ folder, index }, { shared, process: server.pid ?? 0, socket });
  return { socket, kill: () => void server.kill('SIGKILL') };
}

/** @returns why it does not listen, or the process, which this one need not wait for */
async function startServer(
  [program = '', ...args]: readonly string[],
  { folder, log, socket }: { readonly folder: string; readonly log: number; readonly socket: string },
): Promise<string | ChildProcess> {
  const child = spawn(program, args, { cwd: folder, detached: true, stdio: ['ignore', log, log] });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (status, signal) => resolve(`ended with ${signal ?? `status ${status}`}`));
  });
  child.unref();
  const outcome = await Promise.race([ended, waitUntilExists(join(folder, socket))]);
  if (outcome === 'listening') return child;
  child.kill('SIGKILL');
  return outcome;
}

interface ShareLackOptions {
  /** @default this process's */
  readonly user?: { readonly username: string; readonly uid: number };
  /** Of ranges (subuid(5), subgid(5)). @default the system's */
  readonly tables?: readonly string[];
}

/**
 * What keeps a user who is not root from sharing: the server leaves the groups of whoever starts it, which in a user
 * namespace only newgidmap(1) allows (user_namespaces(7), "setgroups"). With it containers may own files as whom they
 * like; a user in no group at all does without, and owns every file.
 */
export async function shareLack(
  searchPath: string,
  { user: { username, uid } = userInfo(), tables = ['/etc/subuid', '/etc/subgid'] }: ShareLackOptions = {},
): Promise<string | undefined> {
  if (uid === 0) return undefined;
  if ((await findProgram('newuidmap', searchPath)) === undefined)
    return 'a user who is not root shares folders by newuidmap; on Debian: apt-get install uidmap';
  const texts = await Promise.all(tables.map((path) => readFile(path, 'utf8').catch(() => '')));
  const isNamed = texts.every((table) =>
    table.split('\n').some((line) => line.startsWith(`${username}:`) || line.startsWith(`${uid}:`)),
  );
  if (isNamed) return undefined;
  return `sharing folders wants ranges for ${username} in /etc/subuid and /etc/subgid: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`;
}

/**
 * The C server locks a file of the whole machine that is named after its socket, so two machines must not have
 * sockets of one name. Short, since the path of a socket is.
 */
function socketName(folder: string, index: number): string {
  return `share${index}-${createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 12)}.sock`;
}

/** @throws OrlopError `vm.tool-missing` */
export async function findVirtiofsd(
  searchPath: string,
  paths: readonly string[] = virtiofsdPaths,
): Promise<string> {
  for (const path of paths) {
    const found = await findProgram(path, searchPath);
    if (found !== undefined) return found;
  }
  throw vmError('vm.tool-missing', 'the program "virtiofsd" is not installed', {
    hint: 'on Debian 12 it comes with qemu-system-common, later with the package virtiofsd',
  });
}

async function waitUntilExists(path: string): Promise<'listening' | 'does not listen'> {
  for (let waited = 0; waited < LISTEN_TIMEOUT_MS; waited += LISTEN_POLL_MS) {
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined) return 'listening';
    await new Promise((resolve) => setTimeout(resolve, LISTEN_POLL_MS));
  }
  return 'does not listen';
}
