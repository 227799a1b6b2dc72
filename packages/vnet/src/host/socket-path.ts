import { existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { vnetError } from '../errors.ts';

/** sun_path of unix(7), less its end; Node cuts off what is beyond. */
const MAX_PATH_LEN = 107;

/** Refuses a path that no socket can have. @throws OrlopError `vnet.path-too-long` */
export function requireSocketPath(path: string): void {
  if (Buffer.byteLength(path) <= MAX_PATH_LEN) return;
  throw vnetError(
    'vnet.path-too-long',
    `the path ${path} is longer than a socket's path may be (${MAX_PATH_LEN})`,
    { hint: 'name a shorter one; those of a network begin with $ORLOP_HOME' },
  );
}

/**
 * Makes room for a socket: its folder (0700) is there afterwards, and a socket that nobody answers on any more is gone.
 * Nothing but a socket is ever removed.
 *
 * @throws OrlopError `vnet.listen-failed`, `vnet.path-too-long`
 */
export async function clearSocketPath(path: string): Promise<void> {
  if (path === '') throw vnetError('vnet.listen-failed', 'the path of the socket is empty');
  requireSocketPath(path);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    makeFolderOf(path);
    return;
  }
  if (!found.isSocket()) {
    throw vnetError('vnet.listen-failed', `${path} is there already, and is no socket`, {
      hint: 'name another path: it is not removed',
    });
  }
  if (!(await isDead(path))) throw vnetError('vnet.listen-failed', `somebody listens on ${path} already`);
  rmSync(path, { force: true });
}

/**
 * Removes what a process that was killed has left where a socket is to be; all else stays, for `bind` to fail over.
 */
export async function removeDeadSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  if (await isDead(path)) rmSync(path, { force: true });
}

/**
 * From the deepest folder that is there downwards, one by one: Node's own recursive form does not come back where a
 * file system says of a new folder that its parent, which is there, is not (/proc).
 */
function makeFolderOf(path: string): void {
  const missing: string[] = [];
  for (let folder = dirname(path); !existsSync(folder); folder = dirname(folder)) missing.push(folder);
  try {
    for (const folder of missing.reverse()) mkdirSync(folder, { mode: 0o700 });
  } catch (cause) {
    throw vnetError('vnet.listen-failed', `cannot make the folder of ${path}`, {
      cause,
      hint: 'name another, in a folder where this user may write',
    });
  }
}

/** Linux refuses a connection only where nobody has the socket, whatever its type. */
function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'));
  });
}
