import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { engineError } from '../errors.ts';
import { ENGINE_SERVER_NAME, type InstanceCredentials } from '../tls/instance-authority.ts';

export interface DockerChannelOptions {
  /** Opens a byte stream to dockerd's port. */
  readonly dial: (signal: AbortSignal | undefined) => Promise<Duplex>;
  readonly credentials: InstanceCredentials;
}

export interface DockerRequest {
  readonly method?: string;
  readonly path: string;
  readonly signal?: AbortSignal;
}

/** The only way to an engine's dockerd: TLS, in which each side shows a certificate of the instance's authority. */
export class DockerChannel {
  readonly #options: DockerChannelOptions;
  /** Of the last connection, so that the next one needs no signatures. */
  #session: Buffer | undefined;

  constructor(options: DockerChannelOptions) {
    this.#options = options;
  }

  /** A connection on which HTTP/1.1 may be spoken, and whatever dockerd turns it into. @throws OrlopError */
  async open(signal?: AbortSignal): Promise<Duplex> {
    const { dial, credentials } = this.#options;
    const stream = await dial(signal);
    const socket = tlsConnect({
      socket: stream,
      servername: ENGINE_SERVER_NAME,
      ca: credentials.authority,
      cert: credentials.client.certificate,
      key: credentials.client.key,
      minVersion: 'TLSv1.3',
      ...(this.#session !== undefined && { session: this.#session }),
    });
    socket.on('session', (session) => {
      this.#session = session;
    });
    socket.once('close', () => stream.destroy());
    const onAbort = () => socket.destroy(new Error('given up'));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('secureConnect', resolve);
        socket.once('error', reject);
        socket.once('close', () => reject(new Error('the connection ended before TLS was agreed')));
      });
    } catch (cause) {
      this.#session = undefined;
      stream.destroy();
      throw engineError('engine.docker-unreachable', 'dockerd in the machine does not speak TLS with us', {
        cause,
      });
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    return socket;
  }

  /** One request on a connection of its own; the answer's body must be read, or the answer destroyed. */
  async request({ method = 'GET', path, signal }: DockerRequest): Promise<IncomingMessage> {
    const connection = await this.open(signal);
    return new Promise((resolve, reject) => {
      const request = httpRequest({
        method,
        path,
        host: ENGINE_SERVER_NAME,
        headers: { connection: 'close' },
        createConnection: () => connection,
        ...(signal !== undefined && { signal }),
      });
      request.once('response', (answer) => {
        answer.once('close', () => connection.destroy());
        resolve(answer);
      });
      request.once('error', (error) => {
        connection.destroy();
        reject(error);
      });
      request.end();
    });
  }

  /** The answer to a request as JSON. @throws OrlopError `engine.docker-failed` with dockerd's own words */
  async json(request: DockerRequest): Promise<unknown> {
    const answer = await this.request(request);
    const text = await readText(answer);
    const status = answer.statusCode ?? 0;
    if (status >= 300) {
      throw engineError(
        'engine.docker-failed',
        `dockerd answered ${status} to ${request.path}: ${text.trim()}`,
      );
    }
    return text === '' ? undefined : JSON.parse(text);
  }
}

export async function readText(source: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
