import { request } from 'node:http';
import { type ErrorKind, OrlopError } from '@orlop/core';
import { vnetError } from '../errors.ts';
import type { ForwardStatus } from '../forward/forward.ts';
import type { NetworkStatus } from './control-server.ts';
import type { RegisteredMachine } from './machines.ts';

export interface LeaseRow {
  readonly mac: string;
  readonly address: string;
  readonly name: string;
  readonly static: boolean;
  readonly expiresAt?: string;
}

/** Speaks with a network that runs in another process. */
export class NetworkClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  status(): Promise<NetworkStatus> {
    return this.call('GET', '/v1/status');
  }

  forwards(): Promise<readonly ForwardStatus[]> {
    return this.call('GET', '/v1/forwards');
  }

  leases(): Promise<readonly LeaseRow[]> {
    return this.call('GET', '/v1/leases');
  }

  addForwards(forwards: readonly string[]): Promise<readonly ForwardStatus[]> {
    return this.call('POST', '/v1/forwards', { forwards });
  }

  async removeForward(id: string): Promise<void> {
    await this.call('DELETE', `/v1/forwards?id=${encodeURIComponent(id)}`);
  }

  addMachine(machine: {
    readonly name: string;
    readonly mac: string;
    readonly forwards: readonly string[];
  }): Promise<RegisteredMachine> {
    return this.call('POST', '/v1/machines', machine);
  }

  async removeMachine(name: string): Promise<void> {
    await this.call('DELETE', `/v1/machines?name=${encodeURIComponent(name)}`);
  }

  async stop(): Promise<void> {
    await this.call('POST', '/v1/stop');
  }

  /** @throws OrlopError with the network's own code, or `vnet.not-running` when nobody answers. */
  call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers = text === undefined ? {} : { 'content-type': 'application/json' };
      const outgoing = request({ socketPath: this.#socketPath, method, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const answer: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
          if ((response.statusCode ?? 500) < 400) resolve(answer as T);
          else reject(errorOf(answer));
        });
      });
      outgoing.on('error', (cause) => {
        reject(vnetError('vnet.not-running', `no network answers on ${this.#socketPath}`, { cause }));
      });
      outgoing.end(text);
    });
  }
}

function errorOf(answer: unknown): Error {
  const { error } = answer as {
    error: { code: string; kind: ErrorKind; message: string; hint?: string };
  };
  const details = error.hint === undefined ? {} : { hint: error.hint };
  return new OrlopError(error.code, error.kind, error.message, details);
}
