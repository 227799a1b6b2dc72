import { readdir, readFile, readlink } from 'node:fs/promises';
import { type HostSide, overlaps } from './asked-ports.ts';
import { readKernelAddress } from './machine-sockets.ts';

export interface PortHolder {
  readonly name: string;
  readonly pid: number;
}

/** Which program of this user listens on a port, by Linux's /proc; undefined when it cannot be told. */
export async function findPortHolder(side: HostSide): Promise<PortHolder | undefined> {
  const inodes = new Set<string>();
  for (const table of [side.protocol, `${side.protocol}6`]) {
    const text = await readFile(`/proc/net/${table}`, 'utf8').catch(() => '');
    for (const inode of listeningInodes(text, side)) inodes.add(`socket:[${inode}]`);
  }
  if (inodes.size === 0) return undefined;
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const folder = `/proc/${pid}/fd`;
    for (const descriptor of await readdir(folder).catch(() => [])) {
      const target = await readlink(`${folder}/${descriptor}`).catch(() => '');
      if (!inodes.has(target)) continue;
      const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
      return { name, pid: Number(pid) };
    }
  }
  return undefined;
}

/** proc(5), /proc/net/tcp: local address in hexadecimal, state 0A is LISTEN; a UDP socket that is bound has 07. */
export function listeningInodes(table: string, side: HostSide): string[] {
  const state = side.protocol === 'tcp' ? '0A' : '07';
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [hex = '', port = ''] = fields[1]?.split(':') ?? [];
    const inode = fields[9];
    if (fields[3] !== state || inode === undefined || Number.parseInt(port, 16) !== side.hostPort) return [];
    const address = readKernelAddress(hex);
    // Of IPv6's sockets, one on all addresses has those of IPv4 too, unless it said otherwise.
    const same = overlaps(side, { ...side, hostAddress: address });
    return same || (address === '::' && overlaps(side, { ...side, hostAddress: '0.0.0.0' })) ? [inode] : [];
  });
}
