import { CAPTURE_MAX_SNAP_LENGTH, writeMac } from '@orlop/wire';
import type { Port } from '../switch/port.ts';
import { encodeFrame, encodeInterface, encodeSection } from './pcapng-encoder.ts';

export interface CaptureOptions {
  /** Frames of this port alone, both ways. @default every frame of the segment, once */
  readonly port?: string;
  /** Bytes of each frame that are kept. @default all */
  readonly snapLength?: number;
  /** Bytes that may wait for the reader; frames beyond are left out and counted. @default 4 MiB */
  readonly maxQueuedBytes?: number;
  /** Ends the capture. */
  readonly signal?: AbortSignal;
}

export interface CaptureSource {
  readonly gatewayMac: number;
  readonly wallMs: () => number;
}

const DEFAULT_QUEUE_BYTES = 4 * 1024 * 1024;

/**
 * One recording: frames go in while the network runs, a stream of pcapng comes out. A reader that is too slow
 * misses frames; the network never waits for it.
 *
 * Invariant: never more than `maxQueuedBytes` and one frame wait.
 */
export class Capture implements AsyncIterable<Uint8Array> {
  /** Frames that the reader was too slow for. */
  dropped = 0;
  recorded = 0;
  readonly #options: CaptureOptions;
  readonly #source: CaptureSource;
  readonly #gatewayMac = new Uint8Array(6);
  readonly #interfaces = new Map<number, number>();
  #queue: Uint8Array[] = [encodeSection()];
  #queuedBytes = 0;
  #closed = false;
  #wake: () => void = () => {};

  constructor(options: CaptureOptions, source: CaptureSource) {
    this.#options = options;
    this.#source = source;
    writeMac(source.gatewayMac, this.#gatewayMac, 0);
  }

  onFrame(port: Port, direction: 'in' | 'out', frame: Uint8Array, offset: number, length: number): void {
    if (this.#closed || !this.#wants(port, direction, frame, offset)) return;
    if (this.#queuedBytes >= (this.#options.maxQueuedBytes ?? DEFAULT_QUEUE_BYTES)) {
      this.dropped++;
      return;
    }
    const kept = Math.min(length, this.#options.snapLength ?? length);
    const interfaceId = this.#interfaceOf(port);
    const data = frame.subarray(offset, offset + kept);
    const wallMs = this.#source.wallMs();
    this.#push(encodeFrame({ interfaceId, wallMs, direction, originalLength: length, data }));
    this.recorded++;
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (;;) {
      const chunks = this.#queue;
      this.#queue = [];
      this.#queuedBytes = 0;
      for (const chunk of chunks) yield chunk;
      if (this.#queue.length > 0) continue;
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Of a whole segment a frame is taken where it came in; the gateway's where they go out. */
  #wants(port: Port, direction: 'in' | 'out', frame: Uint8Array, offset: number): boolean {
    const { port: name } = this.#options;
    if (name !== undefined) return port.name === name || String(port.id) === name;
    return direction === 'in' || this.#gatewayMac.every((byte, i) => frame[offset + 6 + i] === byte);
  }

  #interfaceOf(port: Port): number {
    const known = this.#interfaces.get(port.id);
    if (known !== undefined) return known;
    const id = this.#interfaces.size;
    this.#interfaces.set(port.id, id);
    this.#push(encodeInterface(port.name, this.#options.snapLength ?? CAPTURE_MAX_SNAP_LENGTH));
    return id;
  }

  #push(block: Uint8Array): void {
    this.#queue.push(block);
    this.#queuedBytes += block.length;
    this.#wake();
  }
}
