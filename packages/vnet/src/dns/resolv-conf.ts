import { readFileSync, statSync } from 'node:fs';
import { IpAddress } from '@orlop/netstack';

export interface UpstreamServer {
  readonly address: IpAddress;
  readonly port: number;
}

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

/** The host's servers, read again when the file changed since the last question. */
export class ResolvConfFile {
  readonly #path: string;
  #changedAtMs = -1;
  #servers: readonly UpstreamServer[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  servers(): readonly UpstreamServer[] {
    try {
      const { mtimeMs } = statSync(this.#path);
      if (mtimeMs !== this.#changedAtMs) {
        this.#servers = parseResolvConf(readFileSync(this.#path, 'utf8'));
        this.#changedAtMs = mtimeMs;
      }
    } catch {
      this.#servers = []; // no file means no servers (resolv.conf(5): then the local host is asked)
    }
    return this.#servers;
  }
}
