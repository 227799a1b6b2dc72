import { type ErrorKind, OrlopError } from '@orlop/core';
import { type ByteStream, IpAddress, type StreamNetwork } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import type { Scheduler } from '../scheduler.ts';
import {
  encodeForwarded,
  MAX_HEAD_LEN,
  parseAuthority,
  parseRequestHead,
  type RequestHead,
} from './http-head.ts';
import type { OutboundRoute } from './outbound-route.ts';
import { countFailure, type ProxyCounters } from './proxy-counters.ts';
import { StreamReader, splice } from './stream-reader.ts';
import { authorizationOf, dialProxy } from './upstream.ts';
import { within } from './within.ts';

export interface ExplicitProxyParts {
  readonly route: OutboundRoute;
  readonly host: StreamNetwork;
  readonly scheduler: Scheduler;
  readonly counters: ProxyCounters;
}

/** Where guests find the proxy: http.docker.internal:3128. */
export const EXPLICIT_PROXY_PORT = 3128;

/** How long a guest may take to say what it wants, from when it is connected. */
const HEAD_MS = 60_000;
/** How long a guest that was turned down may take to read why, and to end. */
const LINGER_MS = 5_000;

/** Serves one connection of a guest that knows that it speaks with a proxy (RFC 9112 §3.2.2, §3.2.3). */
export async function serveExplicitProxy(stream: ByteStream, parts: ExplicitProxyParts): Promise<void> {
  const { scheduler, counters } = parts;
  const client = new StreamReader(stream);
  const refuse = (status: string, why: string) => turnDown(stream, { status, why, scheduler });
  const bytes = await within(scheduler, HEAD_MS, client.head(MAX_HEAD_LEN), () => 'late' as const);
  if (bytes === 'late') {
    counters.requestTimeouts++;
    // Who has said nothing at all did not ask: browsers open connections in advance.
    if (client.held.length === 0) stream.abort();
    else await refuse('408 Request Timeout', `the request was not whole within ${HEAD_MS / 1000} s`);
    return;
  }
  const head = bytes === undefined ? undefined : parseRequestHead(bytes);
  const guest = IpAddress.parse(stream.remote.address) ?? IpAddress.v4(0);
  if (head === undefined) {
    counters.invalid++;
    await refuse('400 Bad Request', 'this is no request to a proxy');
    return;
  }
  counters.requests++;
  try {
    if (head.method === 'CONNECT') await connect(client, { head, guest, ...parts });
    else await forward(client, { head, guest, ...parts });
  } catch (error) {
    if (!(error instanceof OrlopError)) throw error;
    countFailure(counters, error);
    await refuse(STATUS_OF_KIND[error.kind] ?? '502 Bad Gateway', error.message);
  }
}

const STATUS_OF_KIND: Partial<Record<ErrorKind, string>> = {
  denied: '403 Forbidden',
  invalid: '400 Bad Request',
  timeout: '504 Gateway Timeout',
};

interface ProxyRequest extends ExplicitProxyParts {
  readonly head: RequestHead;
  readonly guest: IpAddress;
}

async function connect(client: StreamReader, { head, guest, route }: ProxyRequest): Promise<void> {
  const target = parseAuthority(head.target, 443);
  if (target === undefined) throw vnetError('vnet.request-invalid', `"${head.target}" is not HOST:PORT`);
  const server = await route.connect('https', { ...target, guest });
  await client.stream.write(Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n'));
  await splice(client, server);
}

async function forward(client: StreamReader, { head, guest, ...parts }: ProxyRequest): Promise<void> {
  const match = /^http:\/\/([^/?#]+)([^#]*)/i.exec(head.target);
  const authority = (match?.[1] ?? '').replace(/^.*@/, '');
  const target = parseAuthority(authority, 80);
  if (target === undefined)
    throw vnetError('vnet.request-invalid', `"${head.target}" is not http://HOST/PATH`);
  const request = { ...target, guest };
  // Whoever it is for says the target, to which the rules hold, whatever the request's own Host says (RFC 9112 §3.2.2).
  const others = head.headers.filter(([name]) => name.toLowerCase() !== 'host');
  const addressed = { ...head, headers: [['Host', authority] as const, ...others] };
  await sendOn(client, { head: addressed, request, path: match?.[2] || '/', ...parts });
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
  const { head, request, path, route } = of;
  const origin = path.startsWith('/') ? path : `/${path}`;
  const proxy = await route.proxyTo('http', request);
  if (proxy?.kind === 'http') {
    const server = await dialProxy(proxy, of);
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

/** Answers with a status and why, and gives the guest a while to read it; what else it sends is not looked at. */
async function turnDown(
  stream: ByteStream,
  {
    status,
    why,
    scheduler,
  }: { readonly status: string; readonly why: string; readonly scheduler: Scheduler },
): Promise<void> {
  const body = `${why}\n`;
  const head = `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}`;
  await stream.write(Buffer.from(`${head}\r\nconnection: close\r\n\r\n${body}`));
  stream.end();
  await within(scheduler, LINGER_MS, stream.closed, () => stream.abort());
}
