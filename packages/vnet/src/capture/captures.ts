import type { FrameObserver, Switch } from '../switch/switch.ts';
import { Capture, type CaptureOptions, type CaptureSource } from './capture.ts';

/** The recordings of one segment; with none, the segment is not observed at all. */
export class Captures {
  readonly #segment: Switch;
  readonly #source: CaptureSource;
  readonly #running = new Set<Capture>();
  readonly #observer: FrameObserver = {
    onFrame: (port, direction, frame, offset, length) => {
      for (const capture of this.#running) capture.onFrame(port, direction, frame, offset, length);
    },
  };

  constructor(segment: Switch, source: CaptureSource) {
    this.#segment = segment;
    this.#source = source;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Records until the signal or `close` ends it. */
  start(options: CaptureOptions): Capture {
    const capture = new Capture(options, this.#source);
    this.#running.add(capture);
    this.#segment.observer = this.#observer;
    options.signal?.addEventListener('abort', () => this.stop(capture), { once: true });
    if (options.signal?.aborted === true) this.stop(capture);
    return capture;
  }

  stop(capture: Capture): void {
    capture.close();
    this.#running.delete(capture);
    if (this.#running.size === 0) this.#segment.observer = undefined;
  }

  close(): void {
    for (const capture of this.#running) this.stop(capture);
  }
}
