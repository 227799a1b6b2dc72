import type { Duplex } from 'node:stream';
import type { Logger } from '@orlop/core';
import { DockerSocket } from '../docker/docker-socket.ts';

/** Where pkg/docker/engine-exec runs commands; guest/src/engine/engine-paths.ts has the other side. */
export const COMMAND_PORT = 2371;

export interface CommandSocketOptions {
  readonly path: string;
  readonly logger: Logger;
  /** A connection to the machine's {@link COMMAND_PORT}; an engine that rests is woken for it. */
  readonly open: (signal: AbortSignal) => Promise<{ readonly stream: Duplex; readonly token: string }>;
  /** The number of connections has changed. */
  readonly onCount: () => void;
}

/**
 * The socket of an engine on the host for commands in its machine (0600): who reaches it need not know the token. As
 * {@link HostSocket} it outlives the engine's rests.
 */
export class CommandSocket {
  readonly #options: CommandSocketOptions;
  #socket: DockerSocket | undefined;

  constructor(options: CommandSocketOptions) {
    this.#options = options;
  }

  get connections(): number {
    return this.#socket?.connections ?? 0;
  }

  /** Harmless when it listens already. */
  async listen(): Promise<void> {
    if (this.#socket !== undefined) return;
    const { path, logger, open, onCount } = this.#options;
    const socket = new DockerSocket({
      logger,
      onCount,
      open: async (signal) => {
        const { stream, token } = await open(signal);
        stream.write(`${token}/`);
        return stream;
      },
    });
    await socket.listen(path);
    this.#socket = socket;
  }

  /** Ends the connections, and listens on. */
  drop(): void {
    this.#socket?.drop();
  }

  /** Harmless when it does not listen. */
  async close(): Promise<void> {
    await this.#socket?.close();
    this.#socket = undefined;
  }
}
