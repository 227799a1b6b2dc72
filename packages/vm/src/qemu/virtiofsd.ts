import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { vmError } from '../errors.ts';
import { findProgram } from '../find-program.ts';
import type { Share } from '../machine-spec.ts';
import { runTool } from '../run-tool.ts';
import { virtiofsdPaths } from './programs.ts';

/** A file server that ends by itself when its one client, QEMU, goes away. */
export interface Virtiofsd {
  /** Relative to the machine's folder. */
  readonly socket: string;
  /** For a start that fails before QEMU connects. */
  kill(): void;
}

/** How long the server may take until it listens. */
const LISTEN_TIMEOUT_MS = 5000;
const LISTEN_POLL_MS = 10;

/**
 * Starts virtiofsd for one share and waits until it listens.
 * @throws OrlopError `vm.start-failed` with the server's own words
 */
export async function startVirtiofsd(
  share: Share,
  { index, folder, program }: { index: number; folder: string; program: string },
): Promise<Virtiofsd> {
  const socket = socketName(folder, index);
  const logPath = join(folder, `share${index}.log`);
  await rm(join(folder, socket), { force: true });
  const log = await open(logPath, 'w', 0o600);
  const child = spawn(program, await serverArguments(program, socket, share.hostPath), {
    cwd: folder,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (status, signal) => resolve(`ended with ${signal ?? `status ${status}`}`));
  });
  await log.close();
  child.unref();
  const outcome = await Promise.race([ended, waitUntilExists(join(folder, socket))]);
  if (outcome !== 'listening') {
    child.kill('SIGKILL');
    throw vmError('vm.start-failed', `virtiofsd for "${share.hostPath}": ${outcome}`, {
      hint: `its own words are in "${logPath}"`,
    });
  }
  return { socket, kill: () => void child.kill('SIGKILL') };
}

/**
 * The C server locks a file of the whole machine that is named after its socket, so two machines must not have
 * sockets of one name. Short, since the path of a socket is.
 */
function socketName(folder: string, index: number): string {
  return `share${index}-${createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 12)}.sock`;
}

/** @throws OrlopError `vm.tool-missing` */
export async function findVirtiofsd(searchPath: string): Promise<string> {
  for (const path of virtiofsdPaths) {
    const found = await findProgram(path, searchPath);
    if (found !== undefined) return found;
  }
  throw vmError('vm.tool-missing', 'the program "virtiofsd" is not installed', {
    hint: 'on Debian 12 it comes with qemu-system-common, later with the package virtiofsd',
  });
}

/** The C server takes `-o` options, the Rust one long ones; the Rust one says so in its help. */
async function serverArguments(program: string, socket: string, hostPath: string): Promise<string[]> {
  const { stdout, stderr } = await runTool(program, ['--help'], { timeoutMs: 5000 });
  if (`${stdout}${stderr}`.includes('--shared-dir')) {
    return [`--socket-path=${socket}`, '--shared-dir', hostPath, '--cache=auto', '--sandbox=none'];
  }
  return ['-f', `--socket-path=${socket}`, '-o', `source=${hostPath},cache=auto,sandbox=chroot`];
}

async function waitUntilExists(path: string): Promise<'listening' | 'does not listen'> {
  for (let waited = 0; waited < LISTEN_TIMEOUT_MS; waited += LISTEN_POLL_MS) {
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined) return 'listening';
    await new Promise((resolve) => setTimeout(resolve, LISTEN_POLL_MS));
  }
  return 'does not listen';
}
