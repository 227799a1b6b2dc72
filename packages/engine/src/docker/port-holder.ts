import { readdir, readFile, readlink } from 'node:fs/promises';
import type { PublishedPort } from './published-ports.ts';

/** Which program of this user listens on a port: its name and number, by Linux's /proc; undefined when it cannot be told. */
export async function findPortHolder(
  port: Pick<PublishedPort, 'protocol' | 'hostPort'>,
): Promise<string | undefined> {
  const inodes = new Set<string>();
  for (const table of [port.protocol, `${port.protocol}6`]) {
    const text = await readFile(`/proc/net/${table}`, 'utf8').catch(() => '');
    for (const inode of listeningInodes(text, port)) inodes.add(`socket:[${inode}]`);
  }
  if (inodes.size === 0) return undefined;
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const folder = `/proc/${pid}/fd`;
    for (const descriptor of await readdir(folder).catch(() => [])) {
      const target = await readlink(`${folder}/${descriptor}`).catch(() => '');
      if (!inodes.has(target)) continue;
      const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
      return `${name} (process ${pid})`;
    }
  }
  return undefined;
}

/** proc(5), /proc/net/tcp: local address in hexadecimal, state 0A is LISTEN; a UDP socket that is bound has 07. */
export function listeningInodes(
  table: string,
  { protocol, hostPort }: Pick<PublishedPort, 'protocol' | 'hostPort'>,
): string[] {
  const wanted = hostPort.toString(16).toUpperCase().padStart(4, '0');
  const state = protocol === 'tcp' ? '0A' : '07';
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const inode = fields[9];
    return fields[1]?.endsWith(`:${wanted}`) && fields[3] === state && inode !== undefined ? [inode] : [];
  });
}
