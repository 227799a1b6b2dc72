import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createSecureContext, rootCertificates, type SecureContext, type TLSSocket } from 'node:tls';
import { OrlopError } from '@orlop/core';
import { ociError } from '../errors.ts';
import { connectThroughProxy, type FindProxy, proxyAuthorization } from './proxy.ts';

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** A fresh body for each attempt, since a stream can be read once. */
  readonly body?: () => AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /** Must be read, or dropped. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Lets go of the connection without reading the body. */
  drop(): void;
}

export interface TransportOptions {
  /** Certificates (PEM) that are trusted besides those that Node brings. */
  readonly certificates?: readonly string[];
  /** Which proxy to use. @default none */
  readonly proxy?: FindProxy;
  /** Plain HTTP goes to this unix socket, whatever host is named. @default over the network */
  readonly socketPath?: string;
  /** How long a connection may be silent. @default 60_000 */
  readonly idleTimeoutMs?: number;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Up to here reading an answer that nobody wants is cheaper than another connection. */
const MAX_DROPPED_BYTES = 64 * 1024;
const USER_AGENT = 'orlop';

/**
 * HTTP and HTTPS with kept connections and private certificate authorities. Redirects of GET and HEAD are
 * followed; what authorizes a request is not sent to another origin, and HTTPS never turns into HTTP.
 */
export class HttpTransport {
  readonly #http = new HttpAgent({ keepAlive: true });
  readonly #https: HttpsAgent;
  readonly #secureContext: SecureContext | undefined;
  readonly #proxy: FindProxy;
  readonly #idleTimeoutMs: number;
  readonly #socketPath: string | undefined;

  constructor(options: TransportOptions = {}) {
    const own = options.certificates ?? [];
    // Made once: reading all the certificates takes longer than a connection.
    this.#secureContext =
      own.length > 0 ? createSecureContext({ ca: [...rootCertificates, ...own] }) : undefined;
    this.#https = new HttpsAgent({
      keepAlive: true,
      ...(this.#secureContext !== undefined && { secureContext: this.#secureContext }),
    });
    this.#proxy = options.proxy ?? (() => undefined);
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 60_000;
    this.#socketPath = options.socketPath;
  }

  /** @throws OrlopError oci.registry-unreachable, oci.registry-unknown, oci.registry-untrusted, or the signal's reason */
  async send(request: HttpRequest): Promise<HttpResponse> {
    let { url } = request;
    let headers = { 'user-agent': USER_AGENT, ...request.headers };
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#once({ ...request, url, headers });
      const location = answer.headers.location;
      const follow = request.method === 'GET' || request.method === 'HEAD';
      if (!follow || !REDIRECTS.has(answer.statusCode ?? 0) || location === undefined) {
        return {
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          url,
          body: answer,
          drop: () => drop(answer, request.method),
        };
      }
      answer.resume();
      if (redirects === MAX_REDIRECTS)
        throw ociError('oci.registry-answer', `${request.url.host} redirects in a circle`);
      const next = new URL(location, url);
      if (next.protocol !== 'https:' && !(next.protocol === 'http:' && url.protocol === 'http:'))
        throw ociError(
          'oci.registry-answer',
          `${url.host} redirects from ${url.protocol} to ${next.protocol}`,
        );
      if (next.origin !== url.origin) {
        const { authorization: _, ...rest } = headers as Record<string, string>;
        headers = rest as typeof headers;
      }
      url = next;
    }
  }

  /** Ends idle connections. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  /** The encrypted connection through the proxy, where there is one for the address. */
  async #tunnel({ url, signal }: HttpRequest): Promise<TLSSocket | undefined> {
    const proxy = url.protocol === 'https:' ? this.#proxy(url) : undefined;
    if (proxy === undefined) return undefined;
    try {
      return await connectThroughProxy(proxy, {
        target: url,
        secureContext: this.#secureContext,
        idleTimeoutMs: this.#idleTimeoutMs,
        signal,
      });
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      throw cause instanceof OrlopError ? cause : unreachable(proxy, cause);
    }
  }

  /** Not asynchronous: who calls must hear of an error at once. */
  #begin({ url, method, headers = {} }: HttpRequest, tunnel: TLSSocket | undefined): ClientRequest {
    if (tunnel !== undefined) return httpsRequest(url, { method, headers, createConnection: () => tunnel });
    if (url.protocol === 'https:') return httpsRequest(url, { method, headers, agent: this.#https });
    if (this.#socketPath !== undefined)
      return httpRequest(url, { method, headers, agent: this.#http, socketPath: this.#socketPath });
    const proxy = this.#proxy(url);
    if (proxy === undefined) return httpRequest(url, { method, headers, agent: this.#http });
    const all = { ...headers, host: url.host, ...proxyAuthorization(proxy) };
    return httpRequest(proxy, { method, path: url.href, headers: all, agent: this.#http });
  }

  async #once(request: HttpRequest): Promise<IncomingMessage> {
    const { url, signal } = request;
    signal?.throwIfAborted();
    const tunnel = await this.#tunnel(request);
    const call = this.#begin(request, tunnel);
    const abort = () => call.destroy(new Error('aborted', { cause: signal?.reason }));
    signal?.addEventListener('abort', abort, { once: true });
    call.once('close', () => signal?.removeEventListener('abort', abort));
    call.setTimeout(this.#idleTimeoutMs, () =>
      call.destroy(new Error(`no answer for ${this.#idleTimeoutMs} ms`)),
    );
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      call.once('response', resolve);
      call.on('error', reject);
    });
    try {
      if (request.body === undefined) call.end();
      else {
        // A server may answer before it has read all; then the rest of the body matters no more.
        const sent = pipeline(Readable.from(request.body(), { objectMode: true, highWaterMark: 2 }), call);
        await Promise.race([answered, sent.then(() => answered)]);
      }
      return await answered;
    } catch (cause) {
      call.destroy();
      if (signal?.aborted) throw signal.reason;
      throw unreachable(url, cause);
    }
  }
}

/** What is short is read, so that the connection can be used again. */
function drop(answer: IncomingMessage, method: string): void {
  const length = Number(answer.headers['content-length'] ?? Number.POSITIVE_INFINITY);
  if (method === 'HEAD' || answer.statusCode === 204 || length <= MAX_DROPPED_BYTES) answer.resume();
  else answer.destroy();
}

function unreachable(url: URL, cause: unknown): Error {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code))
    return ociError('oci.registry-untrusted', `the certificate of ${url.host} is not trusted (${code})`, {
      cause,
      hint: 'give the certificate of its authority with --cert-file',
    });
  if (code === 'ENOTFOUND')
    return ociError('oci.registry-unknown', `there is no host ${url.host}, or no name service`, { cause });
  return ociError(
    'oci.registry-unreachable',
    `${url.host} cannot be reached${code === '' ? '' : ` (${code})`}`,
    { cause },
  );
}
