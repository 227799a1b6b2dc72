import { chmod, mkdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Logger } from '@orlop/core';
import { engineError } from '../errors.ts';
import { type AnswerRules, joinClient } from './join-client.ts';
import { CLOSE, type GateRules, refusal } from './request-gate.ts';

export interface DockerSocketOptions {
  /** A connection to dockerd; may wait until the engine is awake. */
  readonly open: (signal: AbortSignal) => Promise<Duplex>;
  readonly logger: Logger;
  /** Requests that are refused before dockerd sees them. @default none */
  readonly rules?: GateRules;
  /** Of requests that the rules let through. @default none are held */
  readonly answers?: AnswerRules;
  /** Told how many connections there are, after each change. */
  readonly onCount?: (count: number) => void;
  /** How long a client may take to send a head, or a request that the rules concern. @default 60 s */
  readonly requestLimitMs?: number;
}

/** Docker's clients send both at once; dockerd itself waits five minutes for the first head, and for ever for others. */
const REQUEST_LIMIT_MS = 60_000;

/**
 * Docker's socket on the host (0600): each connection is joined, byte for byte, to one to dockerd, so whatever client and
 * dockerd agree on passes: hijacked streams, HTTP/2 of builds, half-closed connections. Only requests that the rules
 * concern are looked into.
 */
export class DockerSocket {
  readonly #options: DockerSocketOptions;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  /** Those of them that have no connection to dockerd yet. */
  readonly #waiting = new Set<Socket>();
  #path: string | undefined;
  #refused = 0;

  constructor(options: DockerSocketOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) =>
      this.#serve(client),
    );
  }

  get connections(): number {
    return this.#clients.size;
  }

  /** How many connections were ended since their requests were malformed, or never whole. */
  get refused(): number {
    return this.#refused;
  }

  /** @throws OrlopError `engine.socket-busy` */
  async listen(path: string): Promise<void> {
    if (await isAnswered(path)) {
      throw engineError('engine.socket-busy', `somebody else listens on ${path}`, {
        hint: 'end the other daemon, or choose another ORLOP_HOME',
      });
    }
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
    await chmod(path, 0o600);
    this.#path = path;
  }

  /** Ends the connections. @param options.answerWaiting those that wait for dockerd are told by who opens what has become of it */
  async close({ answerWaiting = false }: { readonly answerWaiting?: boolean } = {}): Promise<void> {
    this.#server.close();
    for (const client of this.#clients) if (!answerWaiting || !this.#waiting.has(client)) client.destroy();
    if (this.#path !== undefined) await rm(this.#path, { force: true });
  }

  /** Drops the connections, and goes on listening: the engine they were to is gone. */
  drop(): void {
    for (const client of this.#clients) client.destroy();
  }

  #serve(client: Socket): void {
    const { open, logger, onCount, requestLimitMs = REQUEST_LIMIT_MS } = this.#options;
    const gone = new AbortController();
    this.#clients.add(client);
    this.#waiting.add(client);
    onCount?.(this.#clients.size);
    client.once('close', () => {
      this.#clients.delete(client);
      this.#waiting.delete(client);
      gone.abort();
      onCount?.(this.#clients.size);
    });
    // What is wrong with a connection ends it; the client sees that.
    client.on('error', () => client.destroy());
    open(gone.signal).then(
      (server) => {
        this.#waiting.delete(client);
        joinClient(client, server, {
          ...this.#options,
          requestLimitMs,
          onRefused: (reason) => {
            this.#refused++;
            logger.info('a client was refused', { reason });
          },
        });
      },
      (error: Error) => {
        if (!gone.signal.aborted) logger.info('a client could not reach dockerd', { reason: error.message });
        refuse(client, { message: error.message, requestLimitMs });
      },
    );
  }
}

/**
 * Says in HTTP what is wrong, so that the Docker client shows it: once it has asked, for it complains of an answer that
 * comes before.
 */
function refuse(
  client: Socket,
  { message, requestLimitMs }: { readonly message: string; readonly requestLimitMs: number },
): void {
  if (client.destroyed) return;
  const timer = setTimeout(() => client.destroy(), requestLimitMs);
  client.once('close', () => clearTimeout(timer));
  client.once('error', () => client.destroy());
  const answer = () =>
    client.end(refusal('503 Service Unavailable', `orlop: ${message}`, CLOSE), () => client.destroySoon());
  client.once('data', answer);
  client.once('end', () => client.destroy());
  client.resume();
}

/** Whether somebody listens on it. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
