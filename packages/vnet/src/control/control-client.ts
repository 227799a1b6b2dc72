import { type IncomingMessage, request } from 'node:http';
import { type ErrorKind, OrlopError } from '@orlop/core';
import type { ZoneConfig } from '../dns/zone.ts';
import type { ZoneRecordConfig } from '../dns/zone-record.ts';
import { vnetError } from '../errors.ts';
import type { FlowRow } from '../flows/flow-table.ts';
import type { NetworkStatus } from './control-server.ts';
import type { ForwardHealth } from './forward-probe.ts';
import type { RegisteredMachine } from './machines.ts';
import type { ForwardRow, LeaseRow } from './network-routes.ts';

type Query = Readonly<Record<string, string | undefined>>;

/** Speaks with a network that runs in another process. */
export class NetworkClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  status(): Promise<NetworkStatus> {
    return this.call('GET', '/v1/status');
  }

  async stop(): Promise<void> {
    await this.call('POST', '/v1/stop');
  }

  forwards(): Promise<readonly ForwardRow[]> {
    return this.call('GET', '/v1/forwards');
  }

  addForwards(forwards: readonly string[]): Promise<readonly ForwardRow[]> {
    return this.call('POST', '/v1/forwards', { forwards });
  }

  async removeForward(id: string): Promise<void> {
    await this.call('DELETE', withQuery('/v1/forwards', { id }));
  }

  /** Whether somebody answers behind each forward. */
  checkForwards(id?: string): Promise<readonly ForwardHealth[]> {
    return this.call('GET', withQuery('/v1/forwards/health', { id }));
  }

  leases(): Promise<readonly LeaseRow[]> {
    return this.call('GET', '/v1/leases');
  }

  setLease(lease: {
    readonly mac: string;
    readonly address: string;
    readonly name?: string;
  }): Promise<LeaseRow> {
    return this.call('PUT', '/v1/leases', lease);
  }

  async removeLease(mac: string): Promise<void> {
    await this.call('DELETE', withQuery('/v1/leases', { mac }));
  }

  addMachine(machine: {
    readonly name: string;
    readonly mac: string;
    readonly forwards: readonly string[];
    readonly cable?: string;
    /** In base64. */
    readonly userData?: string | undefined;
  }): Promise<RegisteredMachine> {
    return this.call('POST', '/v1/machines', machine);
  }

  async removeMachine(name: string): Promise<void> {
    await this.call('DELETE', withQuery('/v1/machines', { name }));
  }

  zones(): Promise<readonly ZoneConfig[]> {
    return this.call('GET', '/v1/dns/zones');
  }

  async removeZone(name: string): Promise<void> {
    await this.call('DELETE', withQuery('/v1/dns/zones', { name }));
  }

  addRecord(zone: string, record: ZoneRecordConfig): Promise<ZoneConfig> {
    return this.call('POST', '/v1/dns/records', { zone, ...record });
  }

  async removeRecords(
    zone: string,
    record: { readonly name: string; readonly type?: string },
  ): Promise<void> {
    await this.call('DELETE', withQuery('/v1/dns/records', { zone, ...record }));
  }

  flows(): Promise<readonly FlowRow[]> {
    return this.call('GET', '/v1/flows');
  }

  async dropFlow(id: string): Promise<void> {
    await this.call('DELETE', withQuery('/v1/flows', { id }));
  }

  /** Every counter in Prometheus's text format. */
  async metrics(): Promise<string> {
    return (await readAll(await this.#request('GET', '/metrics'))).toString('utf8');
  }

  /** pcapng, live; ends with the signal, or when the reader leaves. */
  async *capture(
    options: { readonly port?: string; readonly snapLength?: number },
    { signal }: { readonly signal: AbortSignal },
  ): AsyncIterable<Uint8Array> {
    const { port, snapLength } = options;
    const path = withQuery('/v1/capture', { port, snapLength: snapLength?.toString() });
    const response = await this.#request('GET', path);
    const stop = () => response.destroy();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const chunk of response) yield chunk as Buffer;
    } catch (cause) {
      if (!signal.aborted) throw vnetError('vnet.not-running', 'the network ended', { cause });
    } finally {
      signal.removeEventListener('abort', stop);
      response.destroy();
    }
  }

  /** @throws OrlopError with the network's own code, or `vnet.not-running` when nobody answers. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#request(method, path, body);
    return JSON.parse((await readAll(response)).toString('utf8')) as T;
  }

  async #request(method: string, path: string, body?: unknown): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = text === undefined ? {} : { 'content-type': 'application/json' };
      const outgoing = request(
        { socketPath: this.#socketPath, method, path, headers, agent: false },
        resolve,
      );
      outgoing.on('error', (cause) => {
        reject(
          vnetError('vnet.not-running', `no network answers on ${this.#socketPath}`, {
            cause,
            hint: '`orlop net up` starts one, `orlop net ls` lists them',
          }),
        );
      });
      outgoing.end(text);
    });
    if ((response.statusCode ?? 500) < 400) return response;
    throw errorOf(JSON.parse((await readAll(response)).toString('utf8')));
  }
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function withQuery(path: string, query: Query): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs)}`;
}

function errorOf(answer: unknown): Error {
  const { error } = answer as {
    error: { code: string; kind: ErrorKind; message: string; hint?: string };
  };
  const details = error.hint === undefined ? {} : { hint: error.hint };
  return new OrlopError(error.code, error.kind, error.message, details);
}
