import { readFileSync, statSync } from 'node:fs';
import { IpAddress } from '@orlop/netstack';

export interface UpstreamServer {
  readonly address: IpAddress;
  readonly port: number;
}

export const RESOLV_CONF = '/etc/resolv.conf';
const DNS_PORT = 53;

/** The `nameserver` lines of resolv.conf(5); scoped link-local addresses are left out. */
export function parseResolvConf(text: string): readonly UpstreamServer[] {
  const servers: UpstreamServer[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*nameserver\s+(\S+)/.exec(line);
    const address = match?.[1] === undefined ? undefined : IpAddress.parse(match[1]);
    if (address !== undefined) servers.push({ address, port: DNS_PORT });
  }
  return servers;
}

/** The host's own search domains: of the first `search` line, none where there is none. */
export function hostSearchDomains(path = RESOLV_CONF): readonly string[] {
  return parseSearchDomains(readIfThere(path));
}

export function parseSearchDomains(text: string): readonly string[] {
  const domains = /^\s*search\s+(.*)$/m.exec(text)?.[1] ?? '';
  return domains.split(/\s+/).filter((domain) => domain !== '');
}

/** resolv.conf(5): without a file, or without a server in it, the local host is asked. */
const LOCAL_SERVER: UpstreamServer = { address: IpAddress.v4(0x7f000001), port: DNS_PORT };

/** The host's servers, read again when the file changed since the last question. */
export class ResolvConfFile {
  /** Called when the servers are others than before. */
  onChange: (() => void) | undefined = undefined;
  readonly #path: string;
  #stamp = '';
  #servers: readonly UpstreamServer[] = [LOCAL_SERVER];

  constructor(path: string) {
    this.#path = path;
  }

  servers(): readonly UpstreamServer[] {
    const stamp = stampOf(this.#path);
    if (stamp === this.#stamp) return this.#servers;
    const isFirst = this.#stamp === '';
    this.#stamp = stamp;
    this.#servers = readServers(this.#path);
    if (!isFirst) this.onChange?.();
    return this.#servers;
  }
}

/** Differs for every version of the file; NetworkManager and others replace it by renaming. */
function stampOf(path: string): string {
  try {
    const { mtimeMs, ino, size } = statSync(path);
    return `${mtimeMs} ${ino} ${size}`;
  } catch {
    return 'absent';
  }
}

function readServers(path: string): readonly UpstreamServer[] {
  const servers = parseResolvConf(readIfThere(path));
  return servers.length > 0 ? servers : [LOCAL_SERVER];
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
