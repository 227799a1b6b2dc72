import { assert } from '@orlop/core';
import { AdaptiveSpin } from './adaptive-spin.ts';
import { EAGAIN, EINTR } from './constants.ts';
import { bindNativeLibrary, type NativeLibrary } from './library.ts';

/** Readiness of one descriptor. */
export interface Watch {
  /** Bits of `UV_READABLE | UV_WRITABLE`; 0 rests. Level-triggered. */
  want(events: number): void;
  /** Ends the watch; the descriptor may be closed right after. */
  close(): void;
}

/** `status` is 0 or negative: then the descriptor holds an error, which a read or SO_ERROR tells and takes away. */
export type OnReady = (events: number, status: number) => void;

/** Handles per slab of memory: 64 of 160 bytes are about two pages. */
const HANDLES_PER_SLAB = 64;

/**
 * Watches descriptors of every kind on Node's own event loop, by calls into libuv.
 *
 * Invariant: the memory of a handle stays referenced from `init` until libuv says that it is closed.
 */
export class Poller {
  readonly library: NativeLibrary;
  readonly #slabs: Uint8Array[] = [];
  readonly #free: number[] = [];
  readonly #watches = new Map<number, NativeWatch>();
  readonly #spin = new AdaptiveSpin({ now: () => performance.now(), soon: setImmediate });

  /** @throws OrlopError `vnet.native-unavailable` on other systems than Linux. */
  constructor(platform: string) {
    this.library = bindNativeLibrary(
      {
        onPoll: (handle, status, events) => this.#dispatch(handle, status, events),
        onClosed: (handle) => this.#free.push(handle),
      },
      platform,
    );
  }

  /** The descriptor becomes non-blocking. */
  watch(descriptor: number, onReady: OnReady): Watch {
    const handle = this.#free.pop() ?? this.#allocate();
    const status = this.library.poll.init(handle, descriptor);
    assert(status === 0, `uv_poll_init of descriptor ${descriptor} answered ${status}`);
    const watch = new NativeWatch(handle, onReady, this.library, this.#watches);
    this.#watches.set(handle, watch);
    return watch;
  }

  #dispatch(handle: number, status: number, events: number): void {
    try {
      const watch = this.#watches.get(handle);
      if (status < 0) watch?.onError(status);
      else watch?.onReady(events, status);
      this.#spin.onEvent();
    } catch (error) {
      // An exception must not unwind through libuv's C frames.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  #allocate(): number {
    const size = this.library.poll.handleSizeBytes;
    const slab = new Uint8Array(new ArrayBuffer(size * HANDLES_PER_SLAB));
    this.#slabs.push(slab);
    const base = this.library.addressOf(slab);
    for (let i = 1; i < HANDLES_PER_SLAB; i++) this.#free.push(base + i * size);
    return base;
  }
}

class NativeWatch implements Watch {
  readonly onReady: OnReady;
  readonly #handle: number;
  readonly #library: NativeLibrary;
  readonly #watches: Map<number, NativeWatch>;
  #wanted = 0;
  #closed = false;

  constructor(handle: number, onReady: OnReady, library: NativeLibrary, watches: Map<number, NativeWatch>) {
    this.#handle = handle;
    this.onReady = onReady;
    this.#library = library;
    this.#watches = watches;
  }

  /** libuv has stopped the handle: it goes on unless its owner closes it, who takes the error away by reading. */
  onError(status: number): void {
    const wanted = this.#wanted;
    this.#wanted = 0;
    this.onReady(0, status);
    if (this.#wanted === 0) this.want(wanted);
  }

  want(events: number): void {
    if (this.#closed || events === this.#wanted) return;
    this.#wanted = events;
    if (events === 0) this.#library.poll.stop(this.#handle);
    else this.#library.poll.start(this.#handle, events);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watches.delete(this.#handle);
    this.#library.poll.close(this.#handle);
  }
}

/** Whether a call that answered -1 may simply be made again later. */
export function wouldBlock(errno: number): boolean {
  return errno === EAGAIN || errno === EINTR;
}
