import type {
  Endpoint,
  IcmpReporter,
  TcpAttempt,
  TcpHandler,
  TcpRejection,
  TcpSocket,
  TcpSocketOptions,
} from '../face.ts';
import type { TableEntry } from './connection-table.ts';
import type { PeerSyn } from './control-block.ts';

/** What an attempt asks of the protocol when its owner decides. */
export interface AttemptOwner {
  accept(attempt: Attempt, handler: TcpHandler, options: TcpSocketOptions): TcpSocket | undefined;
  reject(attempt: Attempt, how: TcpRejection, by?: IcmpReporter): void;
}

export interface AttemptInit {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly hopLimit: number;
  readonly peer: PeerSyn;
  /** Window field of the SYN. */
  readonly window: number;
  /** The SYN's IP packet, for ICMP errors, at `bytes[from .. end)`: valid until {@link Attempt.keepPacket}. */
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly end: number;
  readonly deadline: number;
}

type Packet = Pick<AttemptInit, 'bytes' | 'from' | 'end'>;
const NO_PACKET: Packet = { bytes: new Uint8Array(0), from: 0, end: 0 };

/** A SYN that waits for a decision; it stands in the connection table meanwhile. */
export class Attempt implements TcpAttempt, TableEntry {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly hopLimit: number;
  readonly peer: PeerSyn;
  readonly window: number;
  readonly deadline: number;
  chain: TableEntry | undefined;
  onCancel: (() => void) | undefined;
  #pending = true;
  #packet: Packet;
  readonly #owner: AttemptOwner;

  constructor(init: AttemptInit, owner: AttemptOwner) {
    this.local = init.local;
    this.remote = init.remote;
    this.hopLimit = init.hopLimit;
    this.peer = init.peer;
    this.window = init.window;
    this.#packet = init;
    this.deadline = init.deadline;
    this.#owner = owner;
  }

  get pending(): boolean {
    return this.#pending;
  }

  /** The SYN's IP packet, for ICMP errors. */
  get packet(): Uint8Array {
    const { bytes, from, end } = this.#packet;
    return bytes.subarray(from, end);
  }

  /** Most attempts are decided at once: only for the others the packet is copied. */
  keepPacket(): void {
    if (!this.#pending) {
      this.#packet = NO_PACKET;
      return;
    }
    const { bytes, from, end } = this.#packet;
    this.#packet = { bytes: bytes.slice(from, end), from: 0, end: end - from };
  }

  accept(handler: TcpHandler, options: TcpSocketOptions = {}): TcpSocket | undefined {
    if (!this.#pending) return undefined;
    this.#pending = false;
    return this.#owner.accept(this, handler, options);
  }

  reject(how: TcpRejection, by?: IcmpReporter): void {
    if (!this.#pending) return;
    this.#pending = false;
    this.#owner.reject(this, how, by);
  }

  /** The client gave up, or nobody decided in time. */
  cancel(): void {
    if (!this.#pending) return;
    this.#pending = false;
    this.onCancel?.();
  }
}
