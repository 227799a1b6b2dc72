import type { Endpoint, TcpAttempt, TcpHandler, TcpRejection, TcpSocket, TcpSocketOptions } from '../face.ts';
import type { TableEntry } from './connection-table.ts';
import type { PeerSyn } from './control-block.ts';

/** What an attempt asks of the protocol when its owner decides. */
export interface AttemptOwner {
  accept(attempt: Attempt, handler: TcpHandler, options: TcpSocketOptions): TcpSocket | undefined;
  reject(attempt: Attempt, how: TcpRejection): void;
}

export interface AttemptInit {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly peer: PeerSyn;
  /** Window field of the SYN. */
  readonly window: number;
  /** The SYN's IP packet, for ICMP errors; a copy. */
  readonly packet: Uint8Array;
  readonly deadline: number;
}

/** A SYN that waits for a decision; it stands in the connection table meanwhile. */
export class Attempt implements TcpAttempt, TableEntry {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly peer: PeerSyn;
  readonly window: number;
  readonly packet: Uint8Array;
  readonly deadline: number;
  chain: TableEntry | undefined;
  onCancel: (() => void) | undefined;
  #pending = true;
  readonly #owner: AttemptOwner;

  constructor(init: AttemptInit, owner: AttemptOwner) {
    this.local = init.local;
    this.remote = init.remote;
    this.peer = init.peer;
    this.window = init.window;
    this.packet = init.packet;
    this.deadline = init.deadline;
    this.#owner = owner;
  }

  get pending(): boolean {
    return this.#pending;
  }

  accept(handler: TcpHandler, options: TcpSocketOptions = {}): TcpSocket | undefined {
    if (!this.#pending) return undefined;
    this.#pending = false;
    return this.#owner.accept(this, handler, options);
  }

  reject(how: TcpRejection): void {
    if (!this.#pending) return;
    this.#pending = false;
    this.#owner.reject(this, how);
  }

  /** The client gave up, or nobody decided in time. */
  cancel(): void {
    if (!this.#pending) return;
    this.#pending = false;
    this.onCancel?.();
  }
}
