import type {
  BufferLease,
  Endpoint,
  KeepaliveOptions,
  TcpHandler,
  TcpInfo,
  TcpSocket,
  TcpState,
} from '../face.ts';
import { tuneReceiveLimit } from './autotune.ts';
import type { TcpContext } from './context.ts';
import { type ControlBlock, EVENT_CLOSE } from './control-block.ts';
import { hasMuchRoomAgain } from './send-segment.ts';

/** The program's side of a connection. */
export class Socket implements TcpSocket {
  readonly #context: TcpContext;
  readonly #block: ControlBlock;
  readonly #sendReset: (block: ControlBlock) => void;

  constructor(context: TcpContext, block: ControlBlock, sendReset: (block: ControlBlock) => void) {
    this.#context = context;
    this.#block = block;
    this.#sendReset = sendReset;
  }

  get local(): Endpoint {
    return this.#block.local;
  }

  get remote(): Endpoint {
    return this.#block.remote;
  }

  get state(): TcpState {
    const { state, expireAt } = this.#block;
    return state === 'time-wait' && this.#context.now >= expireAt ? 'closed' : state;
  }

  get handler(): TcpHandler {
    return this.#block.handler;
  }

  set handler(handler: TcpHandler) {
    this.#block.handler = handler;
  }

  get noDelay(): boolean {
    return this.#block.noDelay;
  }

  set noDelay(noDelay: boolean) {
    this.#block.noDelay = noDelay;
    if (noDelay) this.#context.markReady(this.#block);
  }

  get keepalive(): KeepaliveOptions | undefined {
    return this.#block.keepalive;
  }

  set keepalive(keepalive: KeepaliveOptions | undefined) {
    const block = this.#block;
    block.keepalive = keepalive;
    const applies = keepalive !== undefined && block.state !== 'closed' && block.state !== 'time-wait';
    block.keepaliveAt = applies ? this.#context.now + keepalive.idleMs : Number.POSITIVE_INFINITY;
    if (block.state === 'closed') return;
    this.#context.schedule(block);
    // Whoever drives the stack knows of no timer that was set between polls.
    if (applies) this.#context.markReady(block);
  }

  get readable(): number {
    return this.#block.receiveQueue.readable;
  }

  get ended(): boolean {
    return this.#block.peerFinReached && this.#block.receiveQueue.readable === 0;
  }

  peek(skip = 0): Uint8Array {
    return this.#block.receiveQueue.peek(skip);
  }

  consume(length: number): void {
    const context = this.#context;
    const block = this.#block;
    if (length <= 0) return;
    block.receiveQueue.consume(length);
    tuneReceiveLimit(context, block, length);
    if (block.receiveQueue.readable === 0 && block.closeReason === 'finished' && !block.closeTold) {
      context.tell(block, EVENT_CLOSE);
      context.dispatch(block);
      return;
    }
    if (block.peerFinReached || block.state === 'closed') return;
    if (hasMuchRoomAgain(context, block)) {
      block.ackNow = true;
      context.markReady(block);
    }
  }

  read(into: Uint8Array): number {
    let count = 0;
    while (count < into.length) {
      const view = this.peek();
      if (view.length === 0) break;
      const part = view.length > into.length - count ? view.subarray(0, into.length - count) : view;
      into.set(part, count);
      count += part.length;
      this.consume(part.length);
    }
    return count;
  }

  get writable(): number {
    const block = this.#block;
    if (block.finQueued || !canSend(block.state)) return 0;
    const limit = this.#context.pool.underPressure
      ? Math.min(block.sendLimit, PRESSED_LIMIT)
      : block.sendLimit;
    return Math.max(0, Math.floor(limit - block.sendQueue.length));
  }

  get unacknowledged(): number {
    return this.#block.sendQueue.length;
  }

  write(bytes: Uint8Array, lease?: BufferLease, length = bytes.length): number {
    const block = this.#block;
    const taken = Math.min(this.writable, length);
    if (taken < length) block.wantsSpace = true;
    if (taken === 0) return 0;
    block.sendQueue.append(bytes, lease, taken);
    this.#context.markReady(block);
    return taken;
  }

  shutdown(): void {
    const block = this.#block;
    if (block.finQueued || block.state === 'closed' || block.state === 'time-wait') return;
    block.finQueued = true;
    // Before the handshake is over `una` is the SYN's own number.
    const first = canSend(block.state) ? block.una : (block.initialSequence + 1) | 0;
    block.finSequence = (first + block.sendQueue.length) | 0;
    this.#context.markReady(block);
  }

  abort(): void {
    const block = this.#block;
    if (block.state === 'closed' || block.state === 'time-wait') {
      block.receiveQueue.clear();
      this.#finishQuietly();
      return;
    }
    if (block.state !== 'syn-sent') this.#sendReset(block);
    this.#context.close(block, 'aborted');
    this.#context.dispatch(block);
  }

  info(): TcpInfo {
    const block = this.#block;
    return {
      state: this.state,
      smoothedRttMs: block.rtt.smoothedMs,
      retransmissionTimeoutMs: block.rtt.timeoutMs,
      congestionWindowBytes: Math.floor(block.congestion.windowBytes),
      slowStartThresholdBytes: Math.floor(block.congestion.thresholdBytes),
      peerWindowBytes: block.sendWindow.bytes,
      receiveWindowBytes: Math.max(0, (block.receiveWindow.limit - block.receiveNext) | 0),
      segmentSizeBytes: block.segmentSize,
      bytesIn: block.bytesIn,
      bytesOut: block.bytesOut,
      retransmittedSegments: block.retransmittedSegments,
    };
  }

  /** Abort after the end: what was not read is dropped, and `onClose` need not wait for it. */
  #finishQuietly(): void {
    const block = this.#block;
    if (block.closeTold || block.closeReason === undefined) return;
    this.#context.tell(block, EVENT_CLOSE);
    this.#context.dispatch(block);
  }
}

/** What a connection may queue while the stack is short of memory. */
const PRESSED_LIMIT = 16 * 1024;

function canSend(state: TcpState): boolean {
  return state === 'established' || state === 'close-wait';
}
