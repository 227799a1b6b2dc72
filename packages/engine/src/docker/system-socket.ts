import { lstat, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { engineError } from '../errors.ts';
import { isAnswered } from './docker-socket.ts';

/** Where programs look for Docker that know nothing of contexts and `DOCKER_HOST`. */
export const SYSTEM_SOCKET = '/var/run/docker.sock';

export interface SystemSocket {
  readonly link: string;
  /** Docker's socket of the engine. */
  readonly socket: string;
}

/**
 * Makes the system's path for Docker's socket lead to an engine. A link to another engine of this home is replaced, and one
 * where nobody answers; a socket, a file, and a link to where another program answers stay.
 *
 * @throws OrlopError `engine.socket-busy`, or `engine.not-permitted` with the command for root
 */
export async function linkSystemSocket({ link, socket }: SystemSocket): Promise<void> {
  const present = await lstat(link).catch(() => undefined);
  if (present !== undefined && !present.isSymbolicLink()) {
    throw engineError('engine.socket-busy', `${link} is there and is no link: another Docker has it`, {
      hint: 'end that one, or use `orlop context use`',
    });
  }
  const target = await readlink(link).catch(() => undefined);
  if (target !== undefined && enginesOf(target) !== enginesOf(socket) && (await isAnswered(target))) {
    throw engineError('engine.socket-busy', `${link} leads to ${target}, where another program answers`, {
      hint: `remove that link if it is no longer wanted, or use \`orlop context use\``,
    });
  }
  const next = `${link}.orlop`;
  try {
    await rm(next, { force: true });
    await symlink(socket, next);
    await rename(next, link);
  } catch (cause) {
    throw notPermitted(cause, `ln -sfn ${socket} ${link}`);
  }
}

/** Takes the link away if it leads to this engine. @returns whether it did */
export async function unlinkSystemSocket({ link, socket }: SystemSocket): Promise<boolean> {
  if ((await readlink(link).catch(() => undefined)) !== socket) return false;
  try {
    await rm(link);
  } catch (cause) {
    throw notPermitted(cause, `rm ${link}`);
  }
  return true;
}

/** Of `HOME/engine/NAME/docker.sock`. */
const enginesOf = (socket: string): string => dirname(dirname(socket));

function notPermitted(cause: unknown, command: string): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS' && code !== 'ENOENT') return cause;
  return engineError('engine.not-permitted', 'only root may change that folder', {
    cause,
    hint: `sudo ${command}`,
  });
}
