import { IpAddress, type StreamNetwork } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import type { Scheduler } from '../scheduler.ts';
import { MAX_HEAD_LEN } from './http-head.ts';
import type { UpstreamProxy } from './proxy-settings.ts';
import { StreamReader } from './stream-reader.ts';
import { within } from './within.ts';

export interface ProxyTarget {
  /** A name or an address; the proxy resolves names. */
  readonly host: string;
  readonly port: number;
}

export function formatTarget({ host, port }: ProxyTarget): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A host that takes no connection within it is not there. */
const DIAL_MS = 30_000;
/** A proxy tells of itself that a server does not answer, after a minute most often. */
const ANSWER_MS = 90_000;

export interface UpstreamParts {
  readonly host: StreamNetwork;
  readonly scheduler: Scheduler;
}

/** Opens a connection to the proxy itself. @throws OrlopError `vnet.proxy-failed`, `vnet.proxy-silent` */
export async function dialProxy(
  proxy: UpstreamProxy,
  { host, scheduler }: UpstreamParts,
): Promise<StreamReader> {
  const late = new AbortController();
  const cancel = scheduler.after(DIAL_MS, () => late.abort());
  try {
    const { signal } = late;
    return new StreamReader(await host.connect({ address: proxy.host, port: proxy.port }, { signal }));
  } catch (cause) {
    if (late.signal.aborted) throw silent(proxy, DIAL_MS);
    throw vnetError('vnet.proxy-failed', `the proxy ${formatTarget(proxy)} cannot be reached`, { cause });
  } finally {
    cancel();
  }
}

/** A connection to the target by way of the proxy. @throws OrlopError `vnet.proxy-failed`, `vnet.proxy-silent` */
export async function tunnelThrough(
  proxy: UpstreamProxy,
  target: ProxyTarget,
  parts: UpstreamParts,
): Promise<StreamReader> {
  const connection = await dialProxy(proxy, parts);
  try {
    const asked = (proxy.kind === 'http' ? askHttp : askSocks)(connection, proxy, target);
    const why = await within(parts.scheduler, ANSWER_MS, asked, () => silent(proxy, ANSWER_MS));
    if (why === undefined) return connection;
    if (why instanceof Error) throw why;
    throw vnetError(
      'vnet.proxy-failed',
      `the proxy ${formatTarget(proxy)} does not reach ${formatTarget(target)}: ${why}`,
    );
  } catch (error) {
    connection.stream.abort();
    throw error;
  }
}

function silent(proxy: UpstreamProxy, timeMs: number): Error {
  return vnetError(
    'vnet.proxy-silent',
    `the proxy ${formatTarget(proxy)} says nothing for ${timeMs / 1000} s`,
  );
}

/** RFC 9110 §9.3.6. Why not, or undefined. */
async function askHttp(
  connection: StreamReader,
  proxy: UpstreamProxy,
  target: ProxyTarget,
): Promise<string | undefined> {
  const authority = formatTarget(target);
  const lines = [
    `CONNECT ${authority} HTTP/1.1`,
    `Host: ${authority}`,
    ...authorizationOf(proxy).map(([name, value]) => `${name}: ${value}`),
  ];
  await connection.stream.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
  const head = await connection.head(MAX_HEAD_LEN);
  if (head === undefined) return 'it gave no answer';
  const status = /^HTTP\/1\.[01] (\d{3}) ?([^\r]*)/.exec(Buffer.from(head).toString('latin1'));
  return status?.[1]?.startsWith('2') === true
    ? undefined
    : `${status?.[1] ?? 'no status'} ${status?.[2] ?? ''}`.trim();
}

/** What an HTTP proxy wants to know of its user (RFC 7617). */
export function authorizationOf({ credentials }: UpstreamProxy): readonly (readonly [string, string])[] {
  if (credentials === undefined) return [];
  const token = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
  return [['Proxy-Authorization', `Basic ${token}`]];
}

const SOCKS_VERSION = 5;
const NO_AUTHENTICATION = 0;
const USER_AND_PASSWORD = 2;

/** RFC 1928, RFC 1929. */
async function askSocks(
  connection: StreamReader,
  { credentials }: UpstreamProxy,
  target: ProxyTarget,
): Promise<string | undefined> {
  const { stream } = connection;
  const method = credentials === undefined ? NO_AUTHENTICATION : USER_AND_PASSWORD;
  await stream.write(Uint8Array.of(SOCKS_VERSION, 1, method));
  const chosen = await connection.exactly(2);
  if (chosen?.[0] !== SOCKS_VERSION || chosen[1] !== method) return 'it wants another way to log in';
  if (credentials !== undefined) {
    const user = Buffer.from(credentials.user).subarray(0, 255);
    const password = Buffer.from(credentials.password).subarray(0, 255);
    await stream.write(Uint8Array.from([1, user.length, ...user, password.length, ...password]));
    if ((await connection.exactly(2))?.[1] !== 0) return 'it does not know the user';
  }
  const port = [target.port >>> 8, target.port & 0xff];
  await stream.write(Uint8Array.from([SOCKS_VERSION, 1, 0, ...socksAddress(target.host), ...port]));
  const answer = await connection.exactly(4);
  if (answer?.[0] !== SOCKS_VERSION) return 'it gave no answer';
  if (answer[1] !== 0) return SOCKS_FAILURES[answer[1] ?? 0] ?? `failure ${answer[1]}`;
  const length = answer[3] === 1 ? 4 : answer[3] === 4 ? 16 : ((await connection.exactly(1))?.[0] ?? 0);
  return (await connection.exactly(length + 2)) === undefined ? 'it broke off' : undefined;
}

const SOCKS_FAILURES: Readonly<Record<number, string>> = {
  1: 'general failure',
  2: 'not allowed',
  3: 'network unreachable',
  4: 'host unreachable',
  5: 'connection refused',
  6: 'timed out',
};

function socksAddress(host: string): readonly number[] {
  const address = IpAddress.parse(host);
  if (address !== undefined) return [address.version === 4 ? 1 : 4, ...address.toBytes()];
  const name = Buffer.from(host).subarray(0, 255);
  return [3, name.length, ...name];
}
