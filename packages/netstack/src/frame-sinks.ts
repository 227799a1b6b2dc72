import type { FrameSink } from './face.ts';

/** The largest frame: a 65,535-byte packet with its Ethernet header. */
export const MAX_FRAME_LENGTH = 65_549;

/** A sink that gives each frame to a function as a view, valid during the call. For tests and simple links. */
export class CallbackSink implements FrameSink {
  readonly buffer = new Uint8Array(MAX_FRAME_LENGTH + 2);
  /** So that IP and TCP headers lie on multiples of four. */
  readonly offset = 2;
  readonly #emit: (frame: Uint8Array) => void;
  readonly #hasRoom: () => boolean;

  constructor(emit: (frame: Uint8Array) => void, hasRoom: () => boolean = () => true) {
    this.#emit = emit;
    this.#hasRoom = hasRoom;
  }

  reserve(): boolean {
    return this.#hasRoom();
  }

  commit(length: number): void {
    this.#emit(this.buffer.subarray(this.offset, this.offset + length));
  }
}

/** Copies one frame into a sink; false when there was no room. */
export function copyFrame(sink: FrameSink, frame: Uint8Array, offset: number, length: number): boolean {
  if (!sink.reserve(length)) return false;
  sink.buffer.set(frame.subarray(offset, offset + length), sink.offset);
  sink.commit(length);
  return true;
}
