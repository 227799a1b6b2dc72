import { IpAddress, IpPrefix } from '@orlop/netstack';
import { vnetError } from '../errors.ts';

/** Proxies as people write them. */
export interface ProxyConfig {
  /** `http://[USER:PASSWORD@]HOST:PORT` or `socks5://…`, for plain HTTP. */
  readonly http?: string;
  /** For HTTPS, by CONNECT or SOCKS5. @default what `http` says */
  readonly https?: string;
  /** Names (`*.local`, `.local`, `host`), addresses and prefixes that are reached without a proxy; `*` is all. */
  readonly exclude?: readonly string[];
  /** Take what is not said here from HTTP_PROXY, HTTPS_PROXY and NO_PROXY. @default false */
  readonly environment?: boolean;
  /** Send guests' connections to ports 80 and 443 through the proxies without their knowledge. @default false */
  readonly transparent?: boolean;
}

export interface UpstreamProxy {
  readonly kind: 'http' | 'socks5';
  readonly host: string;
  readonly port: number;
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
}

export interface ProxySettings {
  readonly http: UpstreamProxy | undefined;
  readonly https: UpstreamProxy | undefined;
  readonly transparent: boolean;
  /** Whether a host is reached without a proxy; `host` is a name or an address. */
  readonly isExcluded: (host: string) => boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws OrlopError `vnet.proxy-invalid` */
export function readProxyConfig(config: ProxyConfig, environment: Environment = {}): ProxySettings {
  const ambient = config.environment === true ? environment : {};
  const http = config.http ?? variableOf(ambient, 'http_proxy') ?? variableOf(ambient, 'all_proxy');
  const https = config.https ?? variableOf(ambient, 'https_proxy') ?? http;
  const exclude = config.exclude ?? (variableOf(ambient, 'no_proxy') ?? '').split(/[\s,]+/);
  return {
    http: http === undefined ? undefined : parseProxy(http),
    https: https === undefined ? undefined : parseProxy(https),
    transparent: config.transparent ?? false,
    isExcluded: exclusionOf(exclude.map((one) => one.trim()).filter((one) => one !== '')),
  };
}

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['http', 3128],
  ['socks5', 1080],
  ['socks5h', 1080],
]);

/** @throws OrlopError `vnet.proxy-invalid` */
function parseProxy(text: string): UpstreamProxy {
  const match =
    /^(?:([a-z0-9]+):\/\/)?(?:([^:@]*)(?::([^@]*))?@)?(\[[^\]]+\]|[^:/]+)(?::(\d{1,5}))?\/?$/i.exec(text);
  const [, scheme = 'http', user, password = '', host = '', port] = match ?? [];
  const kind = scheme.toLowerCase();
  const number = port === undefined ? DEFAULT_PORTS.get(kind) : Number(port);
  const credentials = user === undefined ? undefined : readCredentials(user, password);
  if (match === null || !DEFAULT_PORTS.has(kind) || !isPort(number) || credentials === 'unreadable') {
    // The text may hold a password.
    throw vnetError('vnet.proxy-invalid', `the proxy "${text.replace(/\/\/.*@/, '//…@')}" cannot be read`, {
      hint: 'write http://[USER:PASSWORD@]HOST:PORT or socks5://…',
    });
  }
  return {
    kind: kind === 'http' ? 'http' : 'socks5',
    host: host.replace(/^\[|\]$/g, ''),
    port: number,
    credentials,
  };
}

const isPort = (number: number | undefined): number is number =>
  number !== undefined && number >= 1 && number <= 0xffff;

function readCredentials(user: string, password: string): UpstreamProxy['credentials'] | 'unreadable' {
  try {
    return { user: decodeURIComponent(user), password: decodeURIComponent(password) };
  } catch {
    return 'unreadable';
  }
}

function exclusionOf(patterns: readonly string[]): (host: string) => boolean {
  const prefixes: IpPrefix[] = [];
  const names: string[] = [];
  for (const written of patterns) {
    const pattern = written.replace(/^\[(.*)\]$/, '$1');
    const bits = pattern.includes(':') ? 128 : 32;
    const prefix = IpPrefix.parse(pattern.includes('/') ? pattern : `${pattern}/${bits}`);
    if (prefix === undefined) names.push(pattern.toLowerCase().replace(/^\*(?=\.)/, ''));
    else prefixes.push(prefix);
  }
  return (host) => {
    const address = IpAddress.parse(host);
    if (names.includes('*')) return true;
    if (address !== undefined) return prefixes.some((prefix) => prefix.contains(address));
    const name = host.toLowerCase().replace(/\.$/, '');
    // As curl has it: `local` and `.local` both stand for the name and all below it.
    return names.some((one) => {
      const bare = one.replace(/^\./, '');
      return name === bare || name.endsWith(`.${bare}`);
    });
  };
}

/** Lower case first, as curl does: CGI programs cannot be given HTTP_PROXY. */
function variableOf(environment: Environment, name: string): string | undefined {
  return environment[name] || environment[name.toUpperCase()] || undefined;
}
