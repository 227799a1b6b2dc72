import { readdir, readFile, readlink } from 'node:fs/promises';
import { type HostSide, overlaps } from './asked-ports.ts';
import { readKernelAddress } from './machine-sockets.ts';

export interface PortHolder {
  readonly name: string;
  readonly pid: number;
}

/** Which program of this user listens on a port, by Linux's /proc; undefined when it cannot be told. */
export async function findPortHolder(side: HostSide): Promise<PortHolder | undefined> {
  // One on all addresses of IPv6 has those of IPv4 too, unless it said otherwise: first who has the very address.
  for (const table of [side.protocol, `${side.protocol}6`]) {
    const text = await readFile(`/proc/net/${table}`, 'utf8').catch(() => '');
    const sockets = new Set(listeningInodes(text, side).map((inode) => `socket:[${inode}]`));
    const holder = sockets.size === 0 ? undefined : await ownerOf(sockets);
    if (holder !== undefined) return holder;
  }
  return undefined;
}

/** The same in words for the report of a conflict; `own` says what is of this process. */
export async function whoHasPort(side: HostSide, own: () => string): Promise<string | undefined> {
  const holder = await findPortHolder(side);
  if (holder?.pid === process.pid) return own();
  return holder === undefined ? undefined : `${holder.name} (process ${holder.pid})`;
}

async function ownerOf(sockets: ReadonlySet<string>): Promise<PortHolder | undefined> {
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const folder = `/proc/${pid}/fd`;
    for (const descriptor of await readdir(folder).catch(() => [])) {
      const target = await readlink(`${folder}/${descriptor}`).catch(() => '');
      if (!sockets.has(target)) continue;
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
    const same = overlaps(side, { ...side, hostAddress: address });
    return same || (address === '::' && overlaps(side, { ...side, hostAddress: '0.0.0.0' })) ? [inode] : [];
  });
}
