import { ChurnSet } from '@orlop/core';
import type { TcpHandler, TcpListenOptions, TcpSocket, TcpSocketOptions } from '../face.ts';
import type { IpAddress } from '../ip/address.ts';
import type { BacklogOwner, ControlBlock } from './control-block.ts';

const DEFAULT_BACKLOG = 128;

/** A port that takes connections, with its handshakes under way. */
export class Listener implements BacklogOwner {
  readonly port: number;
  readonly address: IpAddress | undefined;
  readonly socketOptions: TcpSocketOptions;
  /** When the backlog was last full: only then are acknowledgements tried as cookies. */
  overflowedAt = Number.NEGATIVE_INFINITY;
  readonly #backlog: number;
  readonly #onConnection: (socket: TcpSocket) => TcpHandler;
  readonly #onClosed: (listener: Listener) => void;
  readonly #half = new ChurnSet<ControlBlock>();

  constructor(
    options: TcpListenOptions,
    onConnection: (socket: TcpSocket) => TcpHandler,
    onClosed: (listener: Listener) => void,
  ) {
    this.port = options.port;
    this.address = options.address;
    this.socketOptions = options.socket ?? {};
    this.#backlog = options.backlog ?? DEFAULT_BACKLOG;
    this.#onConnection = onConnection;
    this.#onClosed = onClosed;
  }

  get isFull(): boolean {
    return this.#half.size >= this.#backlog;
  }

  /** Handshakes under way. */
  get halfOpen(): Iterable<ControlBlock> {
    return [...this.#half];
  }

  enter(block: ControlBlock): void {
    block.listener = this;
    this.#half.add(block);
  }

  readonly onEstablished = (block: ControlBlock): void => {
    this.#half.delete(block);
    if (block.socket !== undefined) block.handler = this.#onConnection(block.socket);
  };

  readonly onGone = (block: ControlBlock): void => {
    this.#half.delete(block);
  };

  close(): void {
    this.#onClosed(this);
  }
}
