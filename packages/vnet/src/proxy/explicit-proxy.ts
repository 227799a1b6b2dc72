import { OrlopError } from '@orlop/core';
import { type ByteStream, IpAddress, type StreamNetwork } from '@orlop/netstack';
import {
  encodeForwarded,
  MAX_HEAD_LEN,
  parseAuthority,
  parseRequestHead,
  type RequestHead,
} from './http-head.ts';
import type { OutboundRoute } from './outbound-route.ts';
import { StreamReader, splice } from './stream-reader.ts';
import { authorizationOf, dialProxy } from './upstream.ts';

export interface ExplicitProxyParts {
  readonly route: OutboundRoute;
  readonly host: StreamNetwork;
}

/** Where guests find the proxy: http.docker.internal:3128. */
export const EXPLICIT_PROXY_PORT = 3128;

/** Serves one connection of a guest that knows that it speaks with a proxy (RFC 9112 §3.2.2, §3.2.3). */
export async function serveExplicitProxy(stream: ByteStream, parts: ExplicitProxyParts): Promise<void> {
  const client = new StreamReader(stream);
  const bytes = await client.head(MAX_HEAD_LEN);
  const head = bytes === undefined ? undefined : parseRequestHead(bytes);
  const guest = IpAddress.parse(stream.remote.address) ?? IpAddress.v4(0);
  if (head === undefined) {
    await refuse(stream, '400 Bad Request', 'this is no request to a proxy');
    return;
  }
  try {
    if (head.method === 'CONNECT') await connect(client, { head, guest, ...parts });
    else await forward(client, { head, guest, ...parts });
  } catch (error) {
    if (!(error instanceof OrlopError)) throw error;
    const status =
      error.kind === 'denied'
        ? '403 Forbidden'
        : error.kind === 'invalid'
          ? '400 Bad Request'
          : '502 Bad Gateway';
    await refuse(stream, status, error.message);
  }
}

interface ProxyRequest extends ExplicitProxyParts {
  readonly head: RequestHead;
  readonly guest: IpAddress;
}

async function connect(client: StreamReader, { head, guest, route }: ProxyRequest): Promise<void> {
  const target = parseAuthority(head.target, 443);
  if (target === undefined) {
    await refuse(client.stream, '400 Bad Request', `"${head.target}" is not HOST:PORT`);
    return;
  }
  const server = await route.connect('https', { ...target, guest });
  await client.stream.write(Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n'));
  await splice(client, server);
}

async function forward(client: StreamReader, { head, guest, route, host }: ProxyRequest): Promise<void> {
  const match = /^http:\/\/([^/?#]+)([^#]*)/i.exec(head.target);
  const authority = (match?.[1] ?? '').replace(/^.*@/, '');
  const target = parseAuthority(authority, 80);
  if (target === undefined) {
    await refuse(client.stream, '400 Bad Request', `"${head.target}" is not http://HOST/PATH`);
    return;
  }
  const request = { ...target, guest };
  // Whoever it is for says the target, to which the rules hold, whatever the request's own Host says (RFC 9112 §3.2.2).
  const others = head.headers.filter(([name]) => name.toLowerCase() !== 'host');
  const addressed = { ...head, headers: [['Host', authority] as const, ...others] };
  await sendOn(client, { head: addressed, request, path: match?.[2] || '/', route, host });
}

/** Sends a request of plain HTTP to its proxy in absolute form, or to its server in origin form. */
export async function sendOn(
  client: StreamReader,
  of: ExplicitProxyParts & {
    readonly head: RequestHead;
    readonly request: { readonly host: string; readonly port: number; readonly guest: IpAddress };
    readonly path: string;
  },
): Promise<void> {
  const { head, request, path, route, host } = of;
  const origin = path.startsWith('/') ? path : `/${path}`;
  const proxy = await route.proxyTo('http', request);
  if (proxy?.kind === 'http') {
    const server = await dialProxy(proxy, host);
    const authority = request.host.includes(':') ? `[${request.host}]` : request.host;
    const port = request.port === 80 ? '' : `:${request.port}`;
    const target = `http://${authority}${port}${origin}`;
    await server.stream.write(encodeForwarded(head, { target, more: authorizationOf(proxy) }));
    await splice(client, server);
    return;
  }
  const server = await route.connect('http', request);
  await server.stream.write(encodeForwarded(head, { target: origin }));
  await splice(client, server);
}

async function refuse(stream: ByteStream, status: string, why: string): Promise<void> {
  const body = `${why}\n`;
  const head = `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}`;
  await stream.write(Buffer.from(`${head}\r\nconnection: close\r\n\r\n${body}`));
  stream.end();
}
