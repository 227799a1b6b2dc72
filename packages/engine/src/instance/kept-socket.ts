import type { DockerSocket } from '../docker/docker-socket.ts';

/** A socket of an engine on the host. It outlives the engine's rests, and is there from {@link listen} to {@link close}. */
export class KeptSocket {
  readonly #path: string;
  readonly #make: () => DockerSocket;
  #socket: DockerSocket | undefined;

  /** @param make a socket that does not listen yet, for each {@link listen} after a {@link close} */
  constructor(path: string, make: () => DockerSocket) {
    this.#path = path;
    this.#make = make;
  }

  get connections(): number {
    return this.#socket?.connections ?? 0;
  }

  /** Harmless when it listens already. */
  async listen(): Promise<void> {
    if (this.#socket !== undefined) return;
    const socket = this.#make();
    await socket.listen(this.#path);
    this.#socket = socket;
  }

  /** Ends the connections, and listens on. */
  drop(): void {
    this.#socket?.drop();
  }

  /** Harmless when it does not listen. */
  async close(options: { readonly answerWaiting?: boolean } = {}): Promise<void> {
    await this.#socket?.close(options);
    this.#socket = undefined;
  }
}
