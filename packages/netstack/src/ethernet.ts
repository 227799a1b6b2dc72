import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_VLAN,
  isGroupMac,
  MAC_BROADCAST,
  type MacAddress,
  readMac,
  readU16,
  writeMac,
  writeU16,
} from '@orlop/wire';
import type { FrameSink } from './face.ts';

/** Small frames that wait for the next poll: answers, requests, datagrams. Bulk data never waits here. */
export interface QueuedFrame {
  /** Bytes after the Ethernet header. */
  readonly length: number;
  /** The complete Ethernet header. */
  readonly header: Uint8Array;
  /** Writes `length` bytes of payload. */
  write(into: Uint8Array, offset: number): void;
}

export interface EthernetReceiver {
  /** `bytes[offset .. end)` is the payload of a frame to us (or to a group) from `source`. */
  receive(bytes: Uint8Array, offset: number, end: number, source: MacAddress, now: number): void;
}

export interface EthernetCounters {
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  malformed: number;
  notForUs: number;
  unknownType: number;
  queueFull: number;
}

export interface EthernetOptions {
  readonly mac: MacAddress;
  /** Called when something was queued outside `poll`. */
  readonly wake: () => void;
  /** A burst of small answers is not lost for their number: 2000 to questions that came at once. @default 8192 frames */
  readonly maxQueuedFrames?: number;
  /** @default 8 MiB */
  readonly maxQueuedBytes?: number;
}

/** One Ethernet interface: who a frame is for, and the queue of small frames to send. */
export class EthernetPort {
  readonly mac: MacAddress;
  readonly counters: EthernetCounters = {
    framesIn: 0,
    framesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    malformed: 0,
    notForUs: 0,
    unknownType: 0,
    queueFull: 0,
  };
  readonly #receivers = new Map<number, EthernetReceiver>();
  readonly #wake: () => void;
  readonly #maxFrames: number;
  readonly #maxBytes: number;
  #queue: QueuedFrame[] = [];
  #head = 0;
  #queuedBytes = 0;

  constructor(options: EthernetOptions) {
    this.mac = options.mac;
    this.#wake = options.wake;
    this.#maxFrames = options.maxQueuedFrames ?? 8192;
    this.#maxBytes = options.maxQueuedBytes ?? 8 << 20;
  }

  /** Gives frames of one type to `receiver`. */
  register(etherType: number, receiver: EthernetReceiver): void {
    this.#receivers.set(etherType, receiver);
  }

  /** The 14 bytes before every payload of `etherType` to `destination`. */
  header(destination: MacAddress, etherType: number): Uint8Array {
    const header = new Uint8Array(ETHERNET_HEADER_LEN);
    writeMac(destination, header, 0);
    writeMac(this.mac, header, 6);
    writeU16(header, 12, etherType);
    return header;
  }

  receive(frame: Uint8Array, now: number, offset: number, length: number): void {
    const counters = this.counters;
    counters.framesIn++;
    counters.bytesIn += length;
    if (length < ETHERNET_HEADER_LEN) {
      counters.malformed++;
      return;
    }
    const destination = readMac(frame, offset);
    if (destination !== this.mac && destination !== MAC_BROADCAST && !isGroupMac(destination)) {
      counters.notForUs++;
      return;
    }
    const end = offset + length;
    let type = readU16(frame, offset + 12);
    let payload = offset + ETHERNET_HEADER_LEN;
    // A priority tag (VLAN 0) is looked through, as hosts do.
    if (
      type === ETHERTYPE_VLAN &&
      length >= ETHERNET_HEADER_LEN + 4 &&
      (readU16(frame, payload) & 0xfff) === 0
    ) {
      type = readU16(frame, payload + 2);
      payload += 4;
    }
    const receiver = this.#receivers.get(type);
    if (receiver === undefined) counters.unknownType++;
    else receiver.receive(frame, payload, end, readMac(frame, offset + 6), now);
  }

  /** Queues a frame; false when the queue is full. */
  enqueue(frame: QueuedFrame): boolean {
    const waiting = this.#queue.length - this.#head;
    if (waiting >= this.#maxFrames || this.#queuedBytes + frame.length > this.#maxBytes) {
      this.counters.queueFull++;
      return false;
    }
    this.#queue.push(frame);
    this.#queuedBytes += frame.length;
    this.#wake();
    return true;
  }

  get hasQueued(): boolean {
    return this.#head < this.#queue.length;
  }

  /** Writes the queued frames; false when the link is full. */
  poll(sink: FrameSink): boolean {
    while (this.#head < this.#queue.length) {
      const frame = this.#queue[this.#head];
      const length = ETHERNET_HEADER_LEN + frame.length;
      if (!sink.reserve(length)) {
        this.#forgetSent();
        return false;
      }
      sink.buffer.set(frame.header, sink.offset);
      frame.write(sink.buffer, sink.offset + ETHERNET_HEADER_LEN);
      this.commit(sink, length);
      this.#queuedBytes -= frame.length;
      this.#head++;
    }
    if (this.#head > 0) this.#queue = [];
    this.#head = 0;
    return true;
  }

  /** On a link that is never quite drained the queue never becomes empty: what was sent must not stay in it. */
  #forgetSent(): void {
    if (this.#head * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  /** Hands a frame that was written into the sink to the link. */
  commit(sink: FrameSink, length: number, segmentSize?: number): void {
    this.counters.framesOut++;
    this.counters.bytesOut += length;
    sink.commit(length, segmentSize);
  }
}
