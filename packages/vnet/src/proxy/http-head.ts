import { trimBlanks } from '@orlop/core';

/** The head of an HTTP/1.1 request (RFC 9112), as far as a proxy looks at it. */
export interface RequestHead {
  readonly method: string;
  /** As written: origin-form, absolute-form or authority-form. */
  readonly target: string;
  readonly version: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export const MAX_HEAD_LEN = 32 * 1024;

/** Undefined for what is no request of HTTP/1. */
export function parseRequestHead(bytes: Uint8Array): RequestHead | undefined {
  const [first = '', ...lines] = Buffer.from(bytes).toString('latin1').split('\r\n');
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) (HTTP\/1\.[01])$/.exec(first);
  if (match === null) return undefined;
  const headers: (readonly [string, string])[] = [];
  for (const line of lines) {
    if (line === '') break;
    const [start, name] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):/.exec(line) ?? [];
    if (start === undefined || name === undefined || line.includes('\n')) return undefined;
    headers.push([name, trimBlanks(line.slice(start.length))]);
  }
  return { method: match[1] ?? '', target: match[2] ?? '', version: match[3] ?? '', headers };
}

export function headerOf(head: RequestHead, name: string): string | undefined {
  return head.headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

/** Between one proxy and the next only (RFC 9110 §7.6.1); `connection` is written anew. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
]);

export interface ForwardedHead {
  readonly target: string;
  readonly more?: readonly (readonly [string, string])[];
}

/**
 * The head for the next hop. One request a connection: the next may be for another host, and only its own head
 * would tell. A request to change the protocol (WebSocket) stays one.
 */
export function encodeForwarded(head: RequestHead, { target, more = [] }: ForwardedHead): Uint8Array {
  const upgrades =
    headerOf(head, 'upgrade') !== undefined && /\bupgrade\b/i.test(headerOf(head, 'connection') ?? '');
  const headers = [
    ...head.headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase())),
    ['Connection', upgrades ? 'Upgrade' : 'close'] as const,
    ...more,
  ];
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`${head.method} ${target} ${head.version}\r\n${lines}\r\n`, 'latin1');
}

/** `host:port`, `[::1]:port`, or the host alone. */
export function parseAuthority(
  text: string,
  defaultPort: number,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[2] === undefined ? defaultPort : Number(match[2]);
  if (match === null || port < 1 || port > 0xffff) return undefined;
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port };
}
