import { ENOBUFS, UV_READABLE, UV_WRITABLE } from '../native/constants.ts';
import { type Poller, type Watch, wouldBlock } from '../native/poller.ts';
import { ReadBudget } from '../native/read-budget.ts';
import {
  ETHERNET_HEADER_LEN,
  FRAME_MAX_LEN,
  type Link,
  type LinkCounters,
  type LinkHandler,
  type LinkKind,
} from './link.ts';
import {
  completeInnerChecksum,
  emitVirtioNetHeader,
  readVirtioSegmentSize,
  VIRTIO_NET_HEADER_LEN,
} from './virtio-net-header.ts';

export interface DescriptorLinkOptions {
  readonly kind: LinkKind;
  readonly peer: string;
  readonly mtu: number;
  /** Runs after the descriptor is closed: to remove a socket's path. @default nothing */
  readonly onRelease?: () => void;
  /**
   * Frames have the kernel's `virtio_net_hdr` before them (TAP with IFF_VNET_HDR), which lets it cut large
   * segments. @default false
   */
  readonly virtioHeader?: boolean;
  /** Asked before each write; false loses the frame (nobody is there yet). @default always true */
  readonly beforeWrite?: () => boolean;
}

/**
 * A descriptor that gives one frame for each read and takes one for each write: TAP, SOCK_SEQPACKET (bess) and
 * connected unix datagram sockets (QEMU's dgram, vfkit).
 *
 * A frame that the kernel does not take waits alone; until it has left, `reserve` answers false.
 */
export class DescriptorLink implements Link {
  readonly kind: LinkKind;
  readonly peer: string;
  readonly mtu: number;
  readonly checksumOffload = false;
  readonly counters: LinkCounters = { framesIn: 0, bytesIn: 0, framesOut: 0, bytesOut: 0 };
  readonly buffer = new Uint8Array(FRAME_MAX_LEN + VIRTIO_NET_HEADER_LEN);
  readonly #bufferAddress: number;
  /** Where frames begin: behind the header, if there is one. */
  readonly offset: number;
  readonly segmentation: boolean;
  readonly #incoming = new Uint8Array(FRAME_MAX_LEN + VIRTIO_NET_HEADER_LEN);
  readonly #incomingAddress: number;
  readonly #poller: Poller;
  readonly #descriptor: number;
  readonly #watch: Watch;
  readonly #onRelease: () => void;
  readonly #beforeWrite: (() => boolean) | undefined;
  #waitingLength = 0;
  #starved = false;
  #isClosed = false;
  readonly #budget = new ReadBudget();
  #handler: LinkHandler | undefined;

  /** Takes over the descriptor. */
  constructor(poller: Poller, descriptor: number, options: DescriptorLinkOptions) {
    this.kind = options.kind;
    this.peer = options.peer;
    this.mtu = options.mtu;
    this.segmentation = options.virtioHeader ?? false;
    this.offset = this.segmentation ? VIRTIO_NET_HEADER_LEN : 0;
    this.#poller = poller;
    this.#descriptor = descriptor;
    this.#bufferAddress = poller.library.addressOf(this.buffer);
    this.#incomingAddress = poller.library.addressOf(this.#incoming);
    this.#onRelease = options.onRelease ?? (() => {});
    this.#beforeWrite = options.beforeWrite;
    this.#watch = poller.watch(descriptor, (events, status) => this.#onReady(events, status));
  }

  open(handler: LinkHandler): void {
    this.#handler = handler;
    this.#watch.want(UV_READABLE);
  }

  reserve(maxLength: number): boolean {
    if (this.#waitingLength === 0) return maxLength <= FRAME_MAX_LEN;
    this.#starved = true;
    return false;
  }

  commit(length: number, segmentSize?: number): void {
    this.counters.framesOut++;
    this.counters.bytesOut += length;
    if (this.segmentation) emitVirtioNetHeader(this.buffer, this.offset, length, segmentSize);
    const whole = this.offset + length;
    if (this.#handler === undefined || this.#write(whole)) return;
    this.#waitingLength = whole;
    this.#watch.want(UV_READABLE | UV_WRITABLE);
  }

  flush(): void {}

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handler = undefined;
    this.#watch.close();
    this.#poller.library.close(this.#descriptor);
    this.#onRelease();
  }

  /** False when the kernel asks to wait; a frame that it refuses for another reason is lost, as on a cable. */
  #write(length: number): boolean {
    if (this.#beforeWrite?.() === false) return true;
    if (this.#poller.library.writeFrom(this.#descriptor, this.#bufferAddress, length) >= 0) return true;
    const errno = this.#poller.library.errno();
    return !wouldBlock(errno) && errno !== ENOBUFS;
  }

  #onReady(events: number, status: number): void {
    if ((events & UV_WRITABLE) !== 0 && this.#waitingLength > 0 && this.#write(this.#waitingLength)) {
      this.#waitingLength = 0;
      this.#watch.want(UV_READABLE);
      if (this.#starved) {
        this.#starved = false;
        this.#handler?.onDrained();
      }
    }
    if ((events & UV_READABLE) !== 0 || status < 0) this.#readFrames();
  }

  #readFrames(): void {
    const { library } = this.#poller;
    let count = 0;
    const budget = this.#budget.begin(this.#poller.looks);
    for (let i = 0; i < budget && this.#handler !== undefined; i++) {
      const length = library.readTo(this.#descriptor, this.#incomingAddress, this.#incoming.length);
      if (length < 0 && wouldBlock(library.errno())) break;
      if (length <= 0) {
        this.#fail(length === 0 ? 'the other side closed' : `read failed (errno ${library.errno()})`);
        return;
      }
      count++;
      this.counters.framesIn++;
      this.counters.bytesIn += length - this.offset;
      const frameLength = length - this.offset;
      if (frameLength < ETHERNET_HEADER_LEN) continue;
      this.#handler.onFrame(this.#incoming, this.offset, frameLength, this.#leftToDo(length));
    }
    this.#budget.end(count);
    if (count > 0) this.#handler?.onBatchEnd();
  }

  /** What the sender of the frame left to us, as `onFrame` has it. */
  #leftToDo(end: number): number | undefined {
    if (!this.segmentation) return undefined;
    const segmentSize = readVirtioSegmentSize(this.#incoming, 0);
    return segmentSize === 0 && completeInnerChecksum(this.#incoming, 0, end) ? undefined : segmentSize;
  }

  #fail(reason: string): void {
    const handler = this.#handler;
    this.close();
    handler?.onClosed(reason);
  }
}
