import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@orlop/core';
import { type MachineSocket, MachineSocketReader } from './machine-sockets.ts';

/** Where pkg/docker/engine-ports answers; guest/src/engine/engine-paths.ts has the other side. */
export const MACHINE_PORTS_PORT = 2374;
const RECONNECT_MS = 500;

export interface MachinePortsOptions {
  readonly dial: (signal: AbortSignal) => Promise<Duplex>;
  readonly logger: Logger;
  /** Given all of them after each change. */
  readonly onChange: (sockets: readonly MachineSocket[]) => void;
}

/** Listens to the machine while somebody wants to know what containers on its own network listen on. */
export class MachinePorts {
  readonly #options: MachinePortsOptions;
  #following: AbortController | undefined;
  /** What was heard last; empty while nobody listens. */
  sockets: readonly MachineSocket[] = [];

  constructor(options: MachinePortsOptions) {
    this.#options = options;
  }

  /** Harmless when it is so already. */
  follow(wanted: boolean): void {
    if (wanted === (this.#following !== undefined)) return;
    if (!wanted) {
      this.stop();
      return;
    }
    const following = new AbortController();
    this.#following = following;
    void this.#run(following.signal);
  }

  stop(): void {
    this.#following?.abort();
    this.#following = undefined;
    this.sockets = [];
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { dial, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#listen(await dial(signal), signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.debug('the machine does not tell its ports', { reason: String(error) });
      }
      await sleep(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #listen(stream: Duplex, signal: AbortSignal): Promise<void> {
    const onAbort = () => stream.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (signal.aborted) return;
      const reader = new MachineSocketReader();
      stream.setEncoding('utf8');
      for await (const text of stream) {
        const sockets = reader.push(text as string);
        if (sockets === undefined || signal.aborted) continue;
        this.sockets = sockets;
        this.#options.onChange(sockets);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      stream.destroy();
    }
  }
}
