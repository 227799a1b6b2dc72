import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';

/** unix(7): the address holds 108 bytes, the last of them zero. */
const MAX_PATH_BYTES = 107;

/**
 * Connects to a socket in the file system, however long its path is: a long one is reached through the descriptor
 * of its folder (proc_pid_fd(5)).
 * @throws the system's error (`ENOENT`, `ECONNREFUSED`, …)
 */
export async function connectUnixSocket(path: string): Promise<Socket> {
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return connectTo(path);
  const folder = await open(dirname(path), 'r');
  try {
    return await connectTo(`/proc/self/fd/${folder.fd}/${basename(path)}`);
  } finally {
    await folder.close();
  }
}

function connectTo(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
