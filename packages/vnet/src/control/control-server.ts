import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type ErrorKind, type Logger, OrlopError } from '@orlop/core';
import { formatMac } from '@orlop/wire';
import { vnetError } from '../errors.ts';
import { parseForwards } from '../forward/forward-text.ts';
import type { VirtualNetwork } from '../virtual-network.ts';
import type { Machines } from './machines.ts';

export interface ControlServerOptions {
  readonly network: VirtualNetwork;
  readonly machines: Machines;
  readonly path: string;
  readonly logger: Logger;
  /** Where guests plug in, as `status` tells. */
  readonly listen: readonly string[];
  readonly pid: number;
  /** What `POST /v1/stop` does. */
  readonly stop: () => void;
}

/** One request of the table: what it is given, and what is answered as JSON. */
export interface ControlRequest {
  readonly url: URL;
  readonly body: unknown;
}
export type ControlRoute = (request: ControlRequest) => Promise<unknown> | unknown;

const MAX_BODY_BYTES = 1024 * 1024;
const STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  'not-found': 404,
  conflict: 409,
  integrity: 422,
  denied: 403,
  unavailable: 503,
  timeout: 504,
  cancelled: 499,
  failed: 500,
};

/** The network's HTTP API on a unix socket of the user's own. */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  readonly #routes: ReadonlyMap<string, ControlRoute>;

  /** `more` adds routes, or takes the place of those here: `GET /v1/flows`. */
  constructor(options: ControlServerOptions, more: Readonly<Record<string, ControlRoute>> = {}) {
    this.#options = options;
    this.#routes = new Map(Object.entries({ ...baseRoutes(options), ...more }));
    this.#server = createServer((request, response) => {
      void this.#handle(request, response);
    });
  }

  /** @throws OrlopError `vnet.listen-failed` */
  async listen(): Promise<void> {
    const { path } = this.#options;
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => {
        reject(vnetError('vnet.listen-failed', `cannot listen on ${path}`, { cause }));
      });
      this.#server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    rmSync(this.#options.path, { force: true });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? '/', 'http://network');
      const route = this.#routes.get(`${request.method} ${url.pathname}`);
      if (route === undefined) {
        throw vnetError('vnet.request-unknown', `there is no ${request.method} ${url.pathname}`);
      }
      const answer = await route({ url, body: await readBody(request) });
      send(response, 200, answer ?? {});
    } catch (error) {
      if (error instanceof OrlopError) {
        const { code, kind, message, hint } = error;
        send(response, STATUS[kind], { error: { code, kind, message, ...(hint !== undefined && { hint }) } });
        return;
      }
      this.#options.logger.error('a request of the control socket failed', { error: String(error) });
      send(response, 500, { error: { code: 'vnet.bug', kind: 'failed', message: String(error) } });
    }
  }
}

function baseRoutes(options: ControlServerOptions): Record<string, ControlRoute> {
  const { network, machines } = options;
  return {
    'GET /v1/status': () => describeNetwork(options),
    'GET /v1/forwards': () => network.forwards.list(),
    'POST /v1/forwards': async ({ body }) => {
      const texts = stringsOf(body, 'forwards');
      const added = [];
      for (const spec of texts.flatMap(parseForwards)) added.push(await network.forwards.add(spec));
      return added;
    },
    'DELETE /v1/forwards': ({ url }) => network.forwards.remove(url.searchParams.get('id') ?? ''),
    'GET /v1/leases': () =>
      [...network.leases.list()].map((lease) => ({
        mac: formatMac(lease.mac),
        address: lease.address.toString(),
        name: lease.hostName,
        static: lease.isStatic,
        ...(!lease.isStatic && { expiresAt: new Date(lease.expiresAtMs).toISOString() }),
      })),
    'POST /v1/machines': async ({ body }) => {
      const { name, mac } = body as { readonly name?: unknown; readonly mac?: unknown };
      if (typeof name !== 'string' || typeof mac !== 'string') {
        throw vnetError('vnet.request-invalid', 'a machine has a name and a mac');
      }
      const forwards = stringsOf(body, 'forwards').flatMap(parseForwards);
      return machines.add({ name, mac, forwards });
    },
    'DELETE /v1/machines': ({ url }) => machines.remove(url.searchParams.get('name') ?? ''),
    'POST /v1/stop': () => {
      setImmediate(options.stop);
    },
  };
}

function describeNetwork({ network, machines, listen, pid }: ControlServerOptions) {
  const { settings, segment } = network;
  return {
    name: settings.name,
    pid,
    subnet: settings.subnet.toString(),
    gateway: settings.gateway.toString(),
    host: settings.host?.toString() ?? null,
    ipv6: settings.ipv6?.prefix.toString() ?? null,
    mtu: settings.mtu,
    domain: settings.domain,
    listen,
    machines: [...machines.list()],
    ports: [...segment.ports()].map((port) => ({
      name: port.name,
      kind: port.link.kind,
      mtu: port.link.mtu,
      ...port.link.counters,
      drops: port.drops,
    })),
    connections: network.tcpNat.size,
    udpFlows: network.udpNat.size,
  };
}

export type NetworkStatus = ReturnType<typeof describeNetwork>;

function stringsOf(body: unknown, key: string): readonly string[] {
  const value =
    typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[key] : undefined;
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) {
    throw vnetError('vnet.request-invalid', `"${key}" is a list of texts`);
  }
  return value;
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

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
}
