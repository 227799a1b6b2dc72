import type { FrameSink } from '@orlop/netstack';
import { FRAME_MAX_LEN } from '../link/link.ts';
import type { Port } from './port.ts';

/** A link that took nothing for this long no longer holds up the station: its frames are dropped. */
const STALLED_AFTER_MS = 50;

type Route = (frame: Uint8Array, length: number, segmentSize: number | undefined) => void;
type Lookup = (frame: Uint8Array, offset: number) => Port | undefined;
type Sent = (port: Port, frame: Uint8Array, offset: number, length: number) => void;

/**
 * Where the station writes frames. The next frame most often goes where the last one went, so it is written
 * right into that link's batch; only a wrong guess costs a copy.
 *
 * A link that is full for a moment makes the station wait (back pressure up to the host's sockets). One that
 * stays full would stop everybody: its frames go to a scratch buffer and are dropped at the link's own bound.
 */
export class StationSink implements FrameSink {
  readonly #scratch = new Uint8Array(FRAME_MAX_LEN);
  readonly #route: Route;
  readonly #lookup: Lookup;
  readonly #sent: Sent;
  readonly #now: () => number;
  #guess: Port | undefined;
  #inPlace = false;

  constructor(route: Route, lookup: Lookup, sent: Sent, now: () => number) {
    this.#route = route;
    this.#lookup = lookup;
    this.#sent = sent;
    this.#now = now;
  }

  /** As the link can where the next frame most likely goes: for another the switch finishes the frame. */
  get segmentation(): boolean {
    return this.#guess?.link.segmentation === true;
  }

  get buffer(): Uint8Array {
    return this.#inPlace && this.#guess !== undefined ? this.#guess.link.buffer : this.#scratch;
  }

  get offset(): number {
    return this.#inPlace && this.#guess !== undefined ? this.#guess.link.offset : 0;
  }

  reserve(maxLength: number): boolean {
    const port = this.#guess;
    this.#inPlace = port?.link.reserve(maxLength) === true;
    if (port === undefined || this.#inPlace) {
      if (port !== undefined) port.blockedSinceMs = undefined;
      return maxLength <= this.#scratch.length;
    }
    const now = this.#now();
    port.blockedSinceMs ??= now;
    return now - port.blockedSinceMs >= STALLED_AFTER_MS && maxLength <= this.#scratch.length;
  }

  commit(length: number, segmentSize?: number): void {
    const { buffer, offset } = this;
    const target = this.#lookup(buffer, offset);
    if (this.#inPlace && target === this.#guess && target !== undefined) {
      target.link.commit(length, segmentSize);
      this.#sent(target, buffer, offset, length);
      return;
    }
    if (target !== undefined) this.#guess = target;
    // Left uncommitted in the wrong batch, the frame is overwritten by the next.
    this.#route(offset === 0 ? buffer : buffer.subarray(offset, offset + length), length, segmentSize);
  }

  forget(port: Port): void {
    if (this.#guess === port) this.#guess = undefined;
  }
}
