import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createStreamServer, type Socket, type Server as StreamServer } from 'node:net';
import { type Logger, untilDrained } from '@orlop/core';
import { vnetError } from '../errors.ts';
import { clearSocketPath } from '../host/socket-path.ts';
import { validateSchema } from '../schema/json-schema.ts';
import type { ApiAnswer, ApiRoute } from './api-route.ts';
import { sortConnection, type Takeover, urlOf } from './takeover.ts';

export interface ApiServerOptions {
  readonly routes: readonly ApiRoute[];
  readonly logger: Logger;
  /** How failures are told: each API has its own way. */
  readonly answerError: (error: unknown) => ApiAnswer;
  /** Requests whose connection stops being HTTP. @default none */
  readonly takeover?: Takeover;
}

const MAX_BODY_BYTES = 1024 * 1024;

/** A port of the host that an API is served at, for whoever reaches it. */
export interface TcpPlace {
  readonly host: string;
  readonly port: number;
}

/** Serves a table of routes on a unix socket of the user's own (0600), or on a port. */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #http: Server;
  readonly #listener: StreamServer;
  readonly #routes: ReadonlyMap<string, ApiRoute>;
  readonly #connections = new Set<Socket>();
  #path: string | undefined;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#routes = new Map(options.routes.map((route) => [`${route.method} ${route.path}`, route]));
    this.#http = createServer((request, response) => {
      void this.#handle(request, response);
    });
    this.#listener = createStreamServer({ allowHalfOpen: true }, (connection) => this.#accept(connection));
  }

  /** A socket file that nobody answers on any more is replaced. @throws OrlopError `vnet.listen-failed` */
  async listen(place: string | TcpPlace): Promise<void> {
    if (typeof place !== 'string') {
      const { host, port } = place;
      await this.#listenAt(`${host}:${port}`, (done) => this.#listener.listen(port, host, done));
      return;
    }
    await clearSocketPath(place);
    await this.#listenAt(place, (done) => this.#listener.listen(place, done));
    chmodSync(place, 0o600);
    this.#path = place;
  }

  #listenAt(name: string, listen: (done: () => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.once('error', (cause) => {
        reject(vnetError('vnet.listen-failed', `cannot listen on ${name}`, { cause }));
      });
      listen(resolve);
    });
  }

  close(): void {
    this.#listener.close();
    for (const connection of this.#connections) connection.destroy();
    if (this.#path !== undefined) rmSync(this.#path, { force: true });
  }

  #accept(connection: Socket): void {
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    const { takeover } = this.#options;
    const pass = (one: Socket) => this.#http.emit('connection', one);
    if (takeover === undefined) pass(connection);
    else sortConnection(connection, { takeover, pass });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const answer = await this.#answer(request, gone.signal);
    switch (answer.kind) {
      case 'json':
        response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
        response.end(`${JSON.stringify(answer.value)}\n`);
        return;
      case 'text':
        response.writeHead(answer.status ?? 200, {
          'content-type': answer.contentType ?? 'text/plain; charset=utf-8',
        });
        response.end(answer.text);
        return;
      case 'stream':
        response.writeHead(200, { 'content-type': answer.contentType });
        await this.#stream(answer.chunks, response);
    }
  }

  async #answer(request: IncomingMessage, signal: AbortSignal): Promise<ApiAnswer> {
    try {
      const method = request.method ?? 'GET';
      const url = urlOf(request.url);
      const route = this.#routes.get(`${method} ${url.pathname}`);
      if (route === undefined) {
        throw vnetError('vnet.request-unknown', `there is no ${method} ${url.pathname}`);
      }
      for (const [name, parameter] of Object.entries(route.query ?? {})) {
        if (parameter.required === true && !url.searchParams.has(name)) {
          throw vnetError('vnet.request-invalid', `${method} ${url.pathname} needs ?${name}=`);
        }
      }
      const body = route.body === undefined ? undefined : checkBody(route, await readBody(request));
      return await route.handle({ method, url, body, signal });
    } catch (error) {
      return this.#options.answerError(error);
    }
  }

  async #stream(chunks: AsyncIterable<Uint8Array>, response: ServerResponse): Promise<void> {
    try {
      response.flushHeaders();
      for await (const chunk of chunks) {
        if (response.destroyed) break;
        if (response.write(chunk)) continue;
        await untilDrained(response);
      }
      response.end();
    } catch (error) {
      this.#options.logger.warn('an answer broke off', { error: String(error) });
      response.destroy();
    }
  }
}

function checkBody(route: ApiRoute, body: unknown): unknown {
  const problems = validateSchema(route.body ?? {}, body);
  if (problems.length === 0) return body;
  const first = problems[0]?.message ?? '';
  throw vnetError('vnet.request-invalid', `${route.method} ${route.path}: ${first}`, { problems });
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw vnetError('vnet.request-invalid', 'the body is larger than 1 MiB');
    chunks.push(chunk);
  }
  if (length === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw vnetError('vnet.request-invalid', 'the body is not JSON', { cause });
  }
}
