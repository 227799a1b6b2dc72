import { apiError, decodeError } from './errors.ts';
import { fillPath, type Operation, routes } from './routes.ts';
import { readServerSentEvents } from './server-sent-events.ts';
import type {
  DaemonStatus,
  DiskReclaim,
  EngineEvent,
  EngineStatus,
  EngineUsage,
  PortStatus,
  Snapshot,
  SyncStatus,
} from './states.ts';

/** Carries one request to the daemon: over a unix socket here, `fetch` in a browser. */
export type Transport = (request: TransportRequest) => Promise<TransportAnswer>;

export interface TransportRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface TransportAnswer {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
}

interface CallOptions {
  readonly signal?: AbortSignal;
}

/** The daemon's interface as functions. Failures are those of the daemon, with its codes. */
export class DaemonClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  status(options: CallOptions = {}): Promise<DaemonStatus> {
    return this.#call('status', options);
  }

  engine(name: string, options: CallOptions = {}): Promise<EngineStatus> {
    return this.#call('engine', { ...options, params: { name } });
  }

  /** Answers when Docker answers. */
  start(
    name: string,
    options: CallOptions & { readonly settings?: Record<string, unknown>; readonly fresh?: boolean } = {},
  ): Promise<EngineStatus> {
    const { settings = {}, fresh = false, ...rest } = options;
    return this.#call('start', { ...rest, params: { name }, body: { settings, fresh } });
  }

  /** Gives up a start, unless somebody else waits for it too; an engine that runs goes on. */
  giveUpStart(name: string, options: CallOptions = {}): Promise<EngineStatus> {
    return this.#call('stop', { ...options, params: { name }, body: { startOnly: true } });
  }

  stop(
    name: string,
    options: CallOptions & { readonly graceMs?: number; readonly save?: boolean } = {},
  ): Promise<EngineStatus> {
    const { graceMs, save = false, ...rest } = options;
    const body = { save, ...(graceMs !== undefined && { graceMs }) };
    return this.#call('stop', { ...rest, params: { name }, body });
  }

  reset(name: string, options: CallOptions & { readonly keepData: boolean }): Promise<EngineStatus> {
    const { keepData, ...rest } = options;
    return this.#call('reset', { ...rest, params: { name }, body: { keepData } });
  }

  sleep(name: string, options: CallOptions = {}): Promise<EngineStatus> {
    return this.#call('sleep', { ...options, params: { name } });
  }

  wake(name: string, options: CallOptions = {}): Promise<EngineStatus> {
    return this.#call('wake', { ...options, params: { name } });
  }

  suspend(name: string, options: CallOptions = {}): Promise<EngineStatus> {
    return this.#call('suspend', { ...options, params: { name } });
  }

  usage(name: string, options: CallOptions = {}): Promise<EngineUsage> {
    return this.#call('usage', { ...options, params: { name } });
  }

  reclaimDisk(name: string, options: CallOptions = {}): Promise<DiskReclaim> {
    return this.#call('diskReclaim', { ...options, params: { name } });
  }

  ports(name: string, options: CallOptions = {}): Promise<readonly PortStatus[]> {
    return this.#call('ports', { ...options, params: { name } });
  }

  syncs(name: string, options: CallOptions = {}): Promise<readonly SyncStatus[]> {
    return this.#call('syncs', { ...options, params: { name } });
  }

  createSync(
    name: string,
    body: {
      readonly path: string;
      readonly mode?: string;
      readonly exclude?: readonly string[];
      readonly owner?: string;
    },
    options: CallOptions = {},
  ): Promise<SyncStatus> {
    return this.#call('syncCreate', { ...options, params: { name }, body });
  }

  pauseSync(name: string, sync: string, options: CallOptions = {}): Promise<SyncStatus> {
    return this.#call('syncPause', { ...options, params: { name, sync } });
  }

  resumeSync(
    name: string,
    sync: string,
    options: CallOptions & { readonly acceptEmpty?: boolean } = {},
  ): Promise<SyncStatus> {
    const { acceptEmpty = false, ...rest } = options;
    return this.#call('syncResume', { ...rest, params: { name, sync }, body: { acceptEmpty } });
  }

  /** Answers when both sides are the same. */
  flushSync(name: string, sync: string, options: CallOptions = {}): Promise<SyncStatus> {
    return this.#call('syncFlush', { ...options, params: { name, sync } });
  }

  async removeSync(
    name: string,
    sync: string,
    options: CallOptions & { readonly force?: boolean } = {},
  ): Promise<void> {
    const { force = false, ...rest } = options;
    await this.#call('syncRemove', { ...rest, params: { name, sync }, body: { force } });
  }

  snapshots(name: string, options: CallOptions = {}): Promise<readonly Snapshot[]> {
    return this.#call('snapshots', { ...options, params: { name } });
  }

  createSnapshot(name: string, snapshot: string, options: CallOptions = {}): Promise<Snapshot> {
    return this.#call('snapshotCreate', { ...options, params: { name, snapshot } });
  }

  restoreSnapshot(name: string, snapshot: string, options: CallOptions = {}): Promise<EngineStatus> {
    return this.#call('snapshotRestore', { ...options, params: { name, snapshot } });
  }

  async removeSnapshot(name: string, snapshot: string, options: CallOptions = {}): Promise<void> {
    await this.#call('snapshotRemove', { ...options, params: { name, snapshot } });
  }

  /** @param options.keepEngines leaves them to the next daemon. @default false */
  async shutdown(options: CallOptions & { readonly keepEngines?: boolean } = {}): Promise<void> {
    const { keepEngines = false, ...rest } = options;
    await this.#call('shutdown', { ...rest, body: { keepEngines } });
  }

  /** Every event from now on, until aborted; the first one comes when the daemon listens to itself. */
  async *events(options: CallOptions & { readonly engine?: string } = {}): AsyncGenerator<EngineEvent> {
    const query = options.engine === undefined ? '' : `?engine=${encodeURIComponent(options.engine)}`;
    const { status, body } = await this.#transport({
      method: routes.events.method,
      path: `${routes.events.path}${query}`,
      ...(options.signal !== undefined && { signal: options.signal }),
    });
    if (status !== 200) throw decodeError(await readJson(body));
    for await (const text of readServerSentEvents(body)) yield JSON.parse(text) as EngineEvent;
  }

  async #call<T>(
    operation: Operation,
    options: CallOptions & { readonly params?: Record<string, string>; readonly body?: unknown },
  ): Promise<T> {
    const route = routes[operation];
    const { status, body } = await this.#transport({
      method: route.method,
      path: fillPath(route.path, options.params ?? {}),
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
      ...(options.signal !== undefined && { signal: options.signal }),
    });
    const answer = await readJson(body);
    if (status !== 200) throw decodeError(answer);
    return answer as T;
  }
}

async function readJson(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  text += decoder.decode();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw apiError('api.bad-answer', `the daemon's answer is not JSON: ${text.slice(0, 80)}`, { cause });
  }
}
