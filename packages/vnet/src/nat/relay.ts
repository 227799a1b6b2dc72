import type { TcpCloseReason, TcpHandler, TcpSocket } from '@orlop/netstack';
import {
  type HostFailure,
  type HostStream,
  type HostStreamEvents,
  WOULD_BLOCK,
} from '../host/host-sockets.ts';
import type { ReadSlab } from './read-slab.ts';

/** Relays whose guest sent something in this batch of frames: each is run once at its end. */
export class RelayQueue {
  #waiting: Relay[] = [];
  #running: Relay[] = [];
  #round = 0;

  /** Another number in each batch. */
  get round(): number {
    return this.#round;
  }

  add(relay: Relay): void {
    this.#waiting.push(relay);
  }

  run(): void {
    this.#round++;
    if (this.#waiting.length === 0) return;
    const batch = this.#waiting;
    this.#waiting = this.#running;
    this.#running = batch;
    for (const relay of batch) relay.runQueued();
    // To set its length costs more, and most have one.
    while (batch.length > 0) batch.pop();
  }
}

export interface RelayOptions {
  readonly queue: RelayQueue;
  readonly slab: ReadSlab;
  /** Sent to the guest before anything else (a PROXY header). @default nothing */
  readonly preamble?: Uint8Array;
  readonly onClosed: (outcome: RelayOutcome) => void;
}

export interface RelayOutcome {
  /** Undefined after an orderly end of both directions. */
  readonly failure: TcpCloseReason | HostFailure | undefined;
}

/** Reads from the host per readiness before others get their turn. */
const READS_PER_TURN = 4;
/** Where several such come in one batch, they are worth a copy. */
const GATHERED_BELOW = 4096;
const ANYTHING = new Uint8Array(1);

/**
 * Joins a guest's TCP connection to a stream of the host, byte for byte and end for end: half-close, reset and
 * back pressure pass both ways. Holds no bytes of its own: what one side does not take stays in the other's queue.
 */
export class Relay implements TcpHandler {
  readonly #socket: TcpSocket;
  readonly #stream: HostStream;
  readonly #options: RelayOptions;
  #queued = false;
  /** The round of the queue in which a short message went straight. */
  #straightIn = -1;
  #hostEnded = false;
  #guestEnded = false;
  #closed = false;

  /** The stream is open; the socket may still be in its handshake. */
  constructor(socket: TcpSocket, stream: HostStream, options: RelayOptions) {
    this.#socket = socket;
    this.#stream = stream;
    this.#options = options;
  }

  get socket(): TcpSocket {
    return this.#socket;
  }

  get stream(): HostStream {
    return this.#stream;
  }

  onOpen(): void {
    if (this.#closed) return;
    if (this.#options.preamble !== undefined) this.#socket.write(this.#options.preamble);
    this.#stream.wantRead(!this.#hostEnded);
    this.#enqueue();
  }

  onReadable(): void {
    this.#enqueue();
  }

  /**
   * Straight from the frame to the host, as long as nothing waits before it. Of short messages only the first of a batch:
   * more are gathered and take one call.
   */
  onBytes(_socket: TcpSocket, bytes: Uint8Array, from: number, length: number): number {
    if (this.#queued || this.#closed || !this.#stream.isOpen) return 0;
    if (length < GATHERED_BELOW) {
      const { round } = this.#options.queue;
      if (round === this.#straightIn) return 0;
      this.#straightIn = round;
    }
    return this.#stream.write(bytes, from, length);
  }

  onEnd(): void {
    this.#enqueue();
  }

  onWritable(): void {
    if (!this.#closed && !this.#hostEnded) this.#stream.wantRead(true);
  }

  onClose(_socket: TcpSocket, reason: TcpCloseReason): void {
    if (this.#closed) return;
    this.#closed = true;
    if (reason === 'finished') this.#stream.close();
    else this.#stream.reset();
    this.#options.onClosed({ failure: reason === 'finished' ? undefined : reason });
  }

  /** The events of the host's stream, whose names are those of the guest's socket. */
  readonly hostEvents: HostStreamEvents = {
    onOpen: () => {},
    onReadable: () => this.#hostReadable(),
    onWritable: () => this.#guestToHost(),
    onFailed: (failure) => this.#hostFailed(failure),
  };

  /** Called by the queue at the end of a batch. */
  runQueued(): void {
    this.#queued = false;
    this.#guestToHost();
  }

  /** Drops both sides. */
  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.reset();
    this.#socket.abort();
    this.#options.onClosed({ failure: 'aborted' });
  }

  #enqueue(): void {
    if (this.#queued || this.#closed) return;
    this.#queued = true;
    this.#options.queue.add(this);
  }

  #guestToHost(): void {
    if (this.#closed) return;
    const socket = this.#socket;
    while (socket.readable > 0) {
      const view = socket.peek();
      if (view.length === 0) break;
      const taken = this.#stream.write(view);
      if (this.#isClosed()) return;
      if (taken > 0) socket.consume(taken);
      if (taken < view.length) return;
    }
    if (socket.ended && !this.#guestEnded) {
      this.#guestEnded = true;
      this.#endStream();
    }
  }

  /** The guest will send no more. Where the host will not either, nothing is left to wait for. */
  #endStream(): void {
    if (this.#hostEnded) this.#stream.close();
    else this.#stream.end();
  }

  #hostFailed(failure: HostFailure): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.abort();
    this.#options.onClosed({ failure });
  }

  /** A call may have closed us: the compiler does not see that. */
  #isClosed(): boolean {
    return this.#closed;
  }

  #hostReadable(): void {
    for (let i = 0; i < READS_PER_TURN && !this.#closed; i++) {
      const room = this.#socket.writable;
      // A read into no space would bring 0 bytes too, which means the end.
      if (room < 1) {
        this.#socket.write(ANYTHING); // takes nothing, and asks for `onWritable`
        this.#stream.wantRead(false);
        return;
      }
      const space = this.#options.slab.space(room);
      const count = this.#stream.read(space);
      if (count === WOULD_BLOCK || this.#isClosed()) return;
      if (count === 0) {
        this.#hostEnded = true;
        if (this.#guestEnded) this.#endStream();
        else this.#stream.wantRead(false);
        this.#socket.shutdown();
        return;
      }
      const lease = this.#options.slab.take(count);
      if (this.#socket.write(space, lease, count) === 0) lease.release();
      if (count < space.length) return;
    }
  }
}
