import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  apiError,
  type DaemonStatus,
  describeApi,
  encodeError,
  formatServerSentEvent,
  matchRoute,
  type Operation,
  routes,
} from '@orlop/api';
import { untilDrained } from '@orlop/core';
import { engineError } from '../errors.ts';
import type { Engines } from './engines.ts';
import type { EventHub } from './event-hub.ts';

export interface DaemonServerOptions {
  readonly engines: Engines;
  readonly events: EventHub;
  readonly identity: Omit<DaemonStatus, 'engines'>;
  /** Ends the daemon, whose engines have been stopped or left. */
  readonly shutdown: () => void;
}

interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** Aborted when whoever asked has gone away before they were answered. */
  readonly signal: AbortSignal;
}

type Handler = (call: Call) => Promise<unknown>;

const MAX_BODY_BYTES = 1024 * 1024;

/** The daemon's interface on a unix socket of the user's own (0600). */
export class DaemonServer {
  readonly #options: DaemonServerOptions;
  readonly #http: Server;
  readonly #handlers: Readonly<Record<Exclude<Operation, 'events'>, Handler>>;
  #requests = 0;
  #requested = 0;
  #isEnding = false;
  #path: string | undefined;

  constructor(options: DaemonServerOptions) {
    this.#options = options;
    this.#handlers = this.#table();
    this.#http = createServer((request, response) => {
      this.#requests++;
      this.#requested++;
      response.once('close', () => {
        this.#requests--;
      });
      void this.#handle(request, response);
    });
    // A start takes as long as it takes.
    this.#http.requestTimeout = 0;
  }

  /** Requests under way. */
  get requests(): number {
    return this.#requests;
  }

  /** How many there have been. */
  get requested(): number {
    return this.#requested;
  }

  /** From now on it only tells what it does. */
  beginEnd(): void {
    this.#isEnding = true;
  }

  async listen(path: string): Promise<void> {
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen(path, resolve);
    });
    await chmod(path, 0o600);
    this.#path = path;
  }

  async close(): Promise<void> {
    this.#http.close();
    this.#http.closeAllConnections();
    if (this.#path !== undefined) await rm(this.#path, { force: true });
  }

  #table(): Readonly<Record<Exclude<Operation, 'events'>, Handler>> {
    const { engines, shutdown } = this.#options;
    const any = ({ params }: Call) => engines.get(params['name'] ?? '');
    const at = ({ params }: Call) => engines.existing(params['name'] ?? '');
    return {
      status: () => this.#status(),
      openapi: async () => describeApi(),
      shutdown: async ({ body }) => {
        this.beginEnd();
        try {
          if (body['keepEngines'] === true) await engines.leaveAll();
          else await engines.stopAll();
        } catch (error) {
          this.#isEnding = false;
          throw error;
        }
        setImmediate(shutdown);
        return {};
      },
      engine: async (call) => at(call).status(),
      start: async (call) => {
        const { settings = {}, fresh = false } = call.body as {
          readonly settings?: Readonly<Record<string, unknown>>;
          readonly fresh?: boolean;
        };
        await any(call).life.start(settings, { fresh, gone: call.signal });
        return at(call).status();
      },
      stop: async (call) => {
        const { graceMs, save, startOnly } = call.body as {
          readonly graceMs?: number;
          readonly save?: boolean;
          readonly startOnly?: boolean;
        };
        const { life } = at(call);
        if (startOnly === true) await life.giveUpStart();
        else await life.stop({ ...(graceMs !== undefined && { graceMs }), save: save === true });
        return at(call).status();
      },
      reset: async (call) => {
        const { keepData } = call.body;
        if (typeof keepData !== 'boolean') throw apiError('api.bad-request', 'keepData is true or false');
        await at(call).reset({ keepData });
        return at(call).status();
      },
      sleep: async (call) => {
        await at(call).life.sleep();
        return at(call).status();
      },
      wake: async (call) => {
        await at(call).life.wake({ gone: call.signal });
        return at(call).status();
      },
      suspend: async (call) => {
        await at(call).life.suspend();
        return at(call).status();
      },
      usage: async (call) => at(call).usage(),
      diskReclaim: async (call) => at(call).reclaimDisk(),
      ports: async (call) => at(call).ports(),
      syncs: (call) => any(call).syncs.list(),
      syncCreate: (call) => any(call).syncs.create(call.body),
      syncPause: (call) => any(call).syncs.pause(syncOf(call)),
      syncResume: (call) =>
        any(call).syncs.resume(syncOf(call), { acceptEmpty: call.body['acceptEmpty'] === true }),
      syncFlush: (call) => any(call).syncs.flush(syncOf(call)),
      syncRemove: async (call) => {
        await any(call).syncs.remove(syncOf(call), { force: call.body['force'] === true });
        return {};
      },
      snapshots: async (call) => at(call).listSnapshots(),
      snapshotCreate: async (call) => at(call).createSnapshot(snapshotOf(call), call.signal),
      snapshotRestore: async (call) => {
        await at(call).restoreSnapshot(snapshotOf(call), call.signal);
        return at(call).status();
      },
      snapshotRemove: async (call) => {
        await at(call).removeSnapshot(snapshotOf(call));
        return {};
      },
    };
  }

  async #status(): Promise<DaemonStatus> {
    const { engines, identity } = this.#options;
    const ending = this.#isEnding && { ending: true };
    return {
      ...identity,
      ...ending,
      engines: await Promise.all(engines.list().map((instance) => instance.status())),
    };
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(`http://daemon${request.url?.startsWith('/') === true ? request.url : '/'}`);
      const match = matchRoute(request.method ?? 'GET', url.pathname);
      if (match === undefined) {
        throw apiError('api.unknown-route', `there is no ${request.method} ${url.pathname}`);
      }
      if (match.operation === 'events') {
        await this.#sendEvents(response, url.searchParams.get('engine'));
        return;
      }
      if (this.#isEnding && !isTelling(match.operation)) {
        throw engineError('daemon.ending', 'the daemon stops its engines and ends', {
          hint: 'the next command starts another, once it has ended',
        });
      }
      const body = await readBody(request);
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      const call = { params: match.params, body, signal: gone.signal };
      send(response, 200, await this.#handlers[match.operation](call));
    } catch (error) {
      const { status, body } = encodeError(error);
      send(response, status, { error: body });
    }
  }

  async #sendEvents(response: ServerResponse, engine: string | null): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const events = this.#options.events.follow(gone.signal);
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': listening\n\n');
    for await (const event of events) {
      if (engine !== null && 'engine' in event && event.engine !== engine) continue;
      if (response.write(formatServerSentEvent(JSON.stringify(event)))) continue;
      await untilDrained(response);
    }
  }
}

/** Whether it tells what is, and changes nothing; whoever asks for the end again waits for the same. */
const isTelling = (operation: Operation): boolean =>
  routes[operation].method === 'GET' || operation === 'shutdown';

const snapshotOf = ({ params }: Call): string => params['snapshot'] ?? '';

const syncOf = ({ params }: Call): string => params['sync'] ?? '';

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw apiError('api.bad-request', 'the body is larger than 1 MiB');
    chunks.push(chunk);
  }
  if (length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw apiError('api.bad-request', 'the body is not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw apiError('api.bad-request', 'the body is not a JSON object');
  }
  return value as Readonly<Record<string, unknown>>;
}

function send(response: ServerResponse, status: number, value: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
}
