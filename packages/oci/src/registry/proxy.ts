import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls';
import { ociError } from '../errors.ts';
import { isLoopback } from './endpoints.ts';

/** Says through which proxy an address is reached; `undefined` means directly. */
export type FindProxy = (url: URL) => URL | undefined;

/**
 * The proxies that an environment names, in the customary variables: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`,
 * `NO_PROXY` (a list of hosts, of domains with or without a leading dot, or `*`), in either case.
 */
export function environmentProxies(env: Readonly<Record<string, string | undefined>>): FindProxy {
  const variable = (name: string) => env[name.toLowerCase()] || env[name] || undefined;
  const direct = (variable('NO_PROXY') ?? '').split(/[\s,]+/).filter((part) => part !== '');
  return (url) => {
    if (isLoopback(url.host) || direct.some((pattern) => coversHost(pattern, url))) return undefined;
    const written =
      variable(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? variable('ALL_PROXY');
    if (written === undefined) return undefined;
    const text = written.includes('://') ? written : `http://${written}`;
    const proxy = URL.canParse(text) ? new URL(text) : undefined;
    if (proxy?.protocol === 'http:' && hasReadableCredentials(proxy)) return proxy;
    // The text may hold a password.
    const shown = JSON.stringify(written.replace(/^([a-z0-9]+:\/\/)?.*@/i, '$1…@'));
    throw ociError('oci.bad-reference', `${shown} is no proxy that can be used: http://HOST:PORT is`);
  };
}

function hasReadableCredentials({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

/** A connection to the address of an HTTPS request, encrypted end to end, through a proxy's CONNECT (RFC 9110 §9.3.6). */
export async function connectThroughProxy(
  proxy: URL,
  {
    target,
    secureContext,
    idleTimeoutMs,
    signal,
  }: {
    target: URL;
    secureContext: SecureContext | undefined;
    idleTimeoutMs: number;
    signal: AbortSignal | undefined;
  },
): Promise<TLSSocket> {
  const authority = `${target.hostname}:${target.port || '443'}`;
  const tunnel = await new Promise<Socket>((resolve, reject) => {
    const call = httpRequest(proxy, {
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...proxyAuthorization(proxy) },
      agent: false,
      ...(signal !== undefined && { signal }),
    });
    call.once('connect', (answer, socket) => {
      if (answer.statusCode === 200) resolve((socket as Socket).setTimeout(0));
      else {
        socket.destroy();
        reject(
          ociError(
            'oci.registry-refused',
            `the proxy ${proxy.host} does not let you reach ${authority} (status ${answer.statusCode})`,
          ),
        );
      }
    });
    call.once('response', (answer) => {
      answer.destroy();
      reject(ociError('oci.registry-refused', `the proxy ${proxy.host} knows no CONNECT`));
    });
    call.setTimeout(idleTimeoutMs, () => call.destroy(new Error(`no answer for ${idleTimeoutMs} ms`)));
    call.once('error', reject);
    call.end();
  });
  return connectTls({
    socket: tunnel,
    servername: target.hostname,
    ...(secureContext !== undefined && { secureContext }),
  });
}

/** What a proxy that wants a password is sent. */
export function proxyAuthorization(proxy: URL): Readonly<Record<string, string>> {
  if (proxy.username === '') return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

function coversHost(pattern: string, url: URL): boolean {
  if (pattern === '*') return true;
  const bare = pattern.replace(/^\*?\./, '').toLowerCase();
  if (bare === url.host || bare === url.hostname) return true;
  return url.hostname.endsWith(`.${bare}`);
}
