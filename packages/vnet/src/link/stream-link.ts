import type { HostStream, HostStreamEvents } from '../host/host-sockets.ts';
import { WOULD_BLOCK } from '../host/host-sockets.ts';
import type { Framing } from './framing.ts';
import {
  ETHERNET_HEADER_LEN,
  FRAME_MAX_LEN,
  type Link,
  type LinkCounters,
  type LinkHandler,
  type LinkKind,
} from './link.ts';
import { OutgoingBatch } from './outgoing-batch.ts';

export interface StreamLinkOptions {
  readonly kind: LinkKind;
  readonly framing: Framing;
  readonly peer: string;
  readonly mtu: number;
  /** Bytes that arrived before the link was made (behind a handshake). @default none */
  readonly received?: Uint8Array;
  /** Bound of frames that the other side does not take. @default 1 MiB */
  readonly maxQueueBytes?: number;
}

/** Two of the largest frames fit, and what a unix socket holds at once comes in by one read. */
const INCOMING_LEN = 256 * 1024;
/** Reads per wake-up before others get their turn. */
const READS_PER_TURN = 8;
const DEFAULT_MAX_QUEUE = 1024 * 1024;

/** Frames over a byte stream: QEMU's and VPNKit's sockets, standard input and output. */
export class StreamLink implements Link, HostStreamEvents {
  readonly kind: LinkKind;
  readonly peer: string;
  readonly mtu: number;
  readonly checksumOffload = false;
  readonly counters: LinkCounters = { framesIn: 0, bytesIn: 0, framesOut: 0, bytesOut: 0 };
  readonly #stream: HostStream;
  readonly #framing: Framing;
  readonly #outgoing: OutgoingBatch;
  readonly #incoming = new Uint8Array(INCOMING_LEN);
  #end = 0;
  #blocked = false;
  #starved = false;
  #handler: LinkHandler | undefined;

  /** Takes over the stream: its events must come to this object. */
  constructor(stream: HostStream, options: StreamLinkOptions) {
    this.kind = options.kind;
    this.peer = options.peer;
    this.mtu = options.mtu;
    this.#stream = stream;
    this.#framing = options.framing;
    this.#outgoing = new OutgoingBatch(options.framing, options.maxQueueBytes ?? DEFAULT_MAX_QUEUE);
    const received = options.received ?? new Uint8Array(0);
    this.#incoming.set(received);
    this.#end = received.length;
  }

  get buffer(): Uint8Array {
    return this.#outgoing.buffer;
  }

  get offset(): number {
    return this.#outgoing.offset;
  }

  open(handler: LinkHandler): void {
    this.#handler = handler;
    this.#stream.wantRead(true);
    if (this.#end > 0 && this.#takeFrames()) handler.onBatchEnd();
  }

  reserve(maxLength: number): boolean {
    if (this.#outgoing.reserve(maxLength)) return true;
    // Something may have left the batch since the last flush was blocked.
    if (!this.#blocked) {
      this.flush();
      if (this.#outgoing.reserve(maxLength)) return true;
    }
    this.#starved = true;
    return false;
  }

  commit(length: number): void {
    this.#outgoing.commit(length);
    this.counters.framesOut++;
    this.counters.bytesOut += length;
  }

  flush(): void {
    if (this.#blocked || this.#outgoing.length === 0) return;
    const length = this.#outgoing.length;
    const taken = this.#stream.write(this.#outgoing.pending());
    this.#outgoing.consume(taken);
    this.#blocked = taken < length;
  }

  close(): void {
    this.#handler = undefined;
    this.#stream.close();
  }

  onOpen(): void {}

  onWritable(): void {
    this.#blocked = false;
    this.flush();
    if (this.#blocked || !this.#starved) return;
    this.#starved = false;
    this.#handler?.onDrained();
  }

  onReadable(): void {
    for (let i = 0; i < READS_PER_TURN && this.#handler !== undefined; i++) {
      const space = this.#incoming.length - this.#end;
      const count = this.#stream.read(this.#incoming.subarray(this.#end));
      if (count === 0) {
        this.#fail('the other side closed');
        return;
      }
      if (count === WOULD_BLOCK) break;
      this.#end += count;
      this.counters.bytesIn += count;
      if (!this.#takeFrames()) return;
      if (count < space) break;
    }
    this.#handler?.onBatchEnd();
  }

  onFailed(failure: string): void {
    this.#fail(failure);
  }

  /** False when the link failed over what it read. */
  #takeFrames(): boolean {
    const { prefixLen } = this.#framing;
    let at = 0;
    while (this.#end - at >= prefixLen) {
      const length = this.#framing.readLength(this.#incoming, at);
      if (length > FRAME_MAX_LEN) {
        this.#fail(`a frame of ${length} bytes was announced: the other side does not speak ${this.kind}`);
        return false;
      }
      if (this.#end - at < prefixLen + length) break;
      this.counters.framesIn++;
      if (length >= ETHERNET_HEADER_LEN) this.#handler?.onFrame(this.#incoming, at + prefixLen, length);
      at += prefixLen + length;
    }
    if (at < this.#end) this.#incoming.copyWithin(0, at, this.#end);
    this.#end -= at;
    return true;
  }

  #fail(reason: string): void {
    const handler = this.#handler;
    this.close();
    handler?.onClosed(reason);
  }
}
