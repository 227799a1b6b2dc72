import { performance } from 'node:perf_hooks';
import { assert } from '@orlop/core';
import { AdaptiveSpin } from './adaptive-spin.ts';
import {
  EAGAIN,
  EINTR,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  UV_READABLE,
  UV_WRITABLE,
} from './constants.ts';
import { bindNativeLibrary, type NativeLibrary } from './library.ts';

/** Readiness of one descriptor. */
export interface Watch {
  /** Bits of `UV_READABLE | UV_WRITABLE`; 0 rests. Level-triggered. */
  want(events: number): void;
  /** Ends the watch. The descriptor must be closed right after: that is what takes it out of the kernel's set. */
  close(): void;
  /** Ends the watch of a descriptor that stays open, for another watch say. */
  detach(): void;
}

/** `status` is 0 or negative: then the descriptor holds an error, which a read or SO_ERROR tells and takes away. */
export type OnReady = (events: number, status: number) => void;

const SCRATCH_LEN = 512;
/** What one call of `epoll_wait` may bring. */
const EVENTS_PER_CALL = 64;
/** Calls in a row before Node's own loop gets its turn. */
const CALLS_PER_TURN = 64;
const FAILED = -1;

/**
 * Watches descriptors of every kind by one epoll set, which Node's event loop watches as a whole. Calls back once
 * for a batch of events, not for each, and changes the set only when an event came that nobody wants: a connection
 * that opens, carries a request and closes costs one `epoll_ctl`.
 *
 * Invariant: a watch is in the set with the bits `armed`, which include those wanted.
 */
export class Poller {
  readonly library: NativeLibrary;
  readonly #set: EpollSet;
  readonly #spin = new AdaptiveSpin();
  readonly #soon: (() => void)[] = [];
  #dispatching = false;
  #batchAtMs = 0;
  /** For what is too short to be worth a view and the look for its address. */
  readonly scratch: { readonly bytes: Uint8Array; readonly address: number };
  #addressedArray: Uint8Array | undefined;
  #address = 0;
  #looks = 0;

  /** @throws OrlopError `vnet.native-unavailable` on other systems than Linux. */
  constructor(platform: string, architecture: string) {
    this.library = bindNativeLibrary(() => this.#turn(), platform);
    this.#set = new EpollSet(this.library, architecture);
    const status = this.library.poll(this.#set.descriptor);
    assert(status === 0, `uv_poll_start of the epoll set answered ${status}`);
    this.library.keepAlive(false);
    const bytes = new Uint8Array(new ArrayBuffer(SCRATCH_LEN));
    this.scratch = { bytes, address: this.library.addressOf(bytes) };
  }

  /** Where the bytes of an off-heap array are, which one call most often asks of the array of the call before. */
  addressOf(array: Uint8Array): number {
    if (array !== this.#addressedArray) {
      this.#addressedArray = array;
      this.#address = this.library.addressOf(array);
    }
    return this.#address;
  }

  /** The descriptor must be non-blocking. */
  watch(descriptor: number, onReady: OnReady): Watch {
    return new EpollWatch(this.#set, descriptor, onReady);
  }

  /** Calls after the events at hand: of this poller if it is in the middle of them, else of Node's loop. */
  soon(callback: () => void): void {
    if (this.#dispatching) this.#soon.push(callback);
    else setImmediate(callback);
  }

  /** How often it was looked for events: at two events with successive numbers nothing else happened between. */
  get looks(): number {
    return this.#looks;
  }

  /** Monotonic milliseconds; events of one batch are at one time, as nobody can tell them apart. */
  now(): number {
    return this.#dispatching ? this.#batchAtMs : performance.now();
  }

  /** Something is ready: handles it, and stays for what follows at once. */
  #turn(): void {
    const spin = this.#spin;
    this.#batchAtMs = performance.now();
    spin.onWake(this.#batchAtMs);
    for (let calls = 0; calls < CALLS_PER_TURN; ) {
      this.#looks++;
      const count = this.#set.wait();
      if (count > 0) {
        calls++;
        this.#dispatch(count);
        this.#batchAtMs = performance.now();
        spin.onEvents(this.#batchAtMs);
      } else {
        this.#batchAtMs = performance.now();
        if (!spin.staysAwake(this.#batchAtMs)) break;
      }
    }
    spin.onSleep(this.#batchAtMs);
  }

  #dispatch(count: number): void {
    this.#dispatching = true;
    for (let index = 0; index < count; index++) {
      try {
        this.#set.deliver(index);
      } catch (error) {
        throwLater(error);
      }
    }
    while (this.#soon.length > 0) {
      try {
        this.#soon.shift()?.();
      } catch (error) {
        throwLater(error);
      }
    }
    this.#dispatching = false;
  }
}

/** An exception must not unwind through libuv's C frames, nor keep others from their events. */
function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

/**
 * The kernel's set, and who is in it. An event carries the descriptor and the watch's number: descriptors come again.
 *
 * Invariant: at most one watch of a descriptor is registered.
 */
class EpollSet {
  readonly descriptor: number;
  readonly #library: NativeLibrary;
  /** In 32-bit words. */
  readonly #eventLen: number;
  readonly #dataAt: number;
  readonly #events: Uint32Array;
  readonly #eventsAddress: number;
  readonly #change: Uint32Array;
  readonly #changeAddress: number;
  /** By descriptor. */
  readonly #watches: (EpollWatch | undefined)[] = [];
  #size = 0;
  #nextNumber = 1;

  constructor(library: NativeLibrary, architecture: string) {
    this.#library = library;
    // struct epoll_event is packed on x86-64 alone.
    this.#eventLen = architecture === 'x64' ? 3 : 4;
    this.#dataAt = this.#eventLen - 2;
    // Not inside V8's heap, where arrays move: the kernel gets their addresses.
    this.#events = new Uint32Array(new ArrayBuffer(4 * this.#eventLen * EVENTS_PER_CALL));
    this.#eventsAddress = library.addressOf(this.#events);
    this.#change = new Uint32Array(new ArrayBuffer(4 * this.#eventLen));
    this.#changeAddress = library.addressOf(this.#change);
    this.descriptor = library.epoll_create1(EPOLL_CLOEXEC);
    assert(this.descriptor >= 0, `epoll_create1: errno ${library.errno()}`);
  }

  /** A number that tells the watch from others of its descriptor. */
  register(watch: EpollWatch): number {
    if (this.#size === 0) this.#library.keepAlive(true);
    if (this.#watches[watch.descriptor] === undefined) this.#size++;
    this.#watches[watch.descriptor] = watch;
    const number = this.#nextNumber;
    this.#nextNumber = (number + 1) >>> 0;
    return number;
  }

  forget(watch: EpollWatch): void {
    if (this.#watches[watch.descriptor] !== watch) return;
    this.#watches[watch.descriptor] = undefined;
    this.#size--;
    if (this.#size === 0) this.#library.keepAlive(false);
  }

  control(operation: number, watch: EpollWatch, bits: number): void {
    const { descriptor } = watch;
    this.#change[0] = bits;
    this.#change[this.#dataAt] = descriptor;
    this.#change[this.#dataAt + 1] = watch.number;
    const status = this.#library.epoll_ctl(this.descriptor, operation, descriptor, this.#changeAddress);
    assert(status === 0, `epoll_ctl of descriptor ${descriptor}: errno ${this.#library.errno()}`);
  }

  /** How many events are at hand. */
  wait(): number {
    return this.#library.epoll_wait(this.descriptor, this.#eventsAddress, EVENTS_PER_CALL, 0);
  }

  deliver(index: number): void {
    const at = index * this.#eventLen;
    const watch = this.#watches[this.#events[at + this.#dataAt] ?? -1];
    if (watch?.number === this.#events[at + this.#dataAt + 1]) watch?.onEvent(this.#events[at] ?? 0);
  }
}

class EpollWatch implements Watch {
  readonly descriptor: number;
  readonly number: number;
  readonly #set: EpollSet;
  readonly #onReady: OnReady;
  #wanted = 0;
  #armed = 0;
  #registered = false;
  #closed = false;

  constructor(set: EpollSet, descriptor: number, onReady: OnReady) {
    this.#set = set;
    this.descriptor = descriptor;
    this.#onReady = onReady;
    this.number = set.register(this);
  }

  want(events: number): void {
    if (this.#closed) return;
    this.#wanted = events;
    if ((events & ~this.#armed) !== 0 || (events !== 0 && !this.#registered)) this.#arm(this.#armed | events);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#set.forget(this);
  }

  detach(): void {
    if (this.#closed) return;
    this.#disarm();
    this.close();
  }

  onEvent(bits: number): void {
    if ((bits & EPOLLERR) !== 0) {
      const wanted = this.#wanted;
      this.#onReady(0, FAILED);
      // Who wants nothing would be called for this error for ever.
      if (wanted === 0 && !this.#closed) this.#disarm();
      return;
    }
    // A hang-up is told to whoever wants anything: the next read or write says what it is.
    const hangUp = (bits & EPOLLHUP) !== 0 ? UV_READABLE | UV_WRITABLE : 0;
    const readable = (bits & (EPOLLIN | EPOLLRDHUP)) !== 0 ? UV_READABLE : 0;
    const writable = (bits & EPOLLOUT) !== 0 ? UV_WRITABLE : 0;
    const ready = hangUp | readable | writable;
    const wanted = ready & this.#wanted;
    if (wanted !== 0) this.#onReady(wanted, 0);
    if (this.#closed || (ready & ~this.#wanted) === 0) return;
    if (this.#wanted === 0) this.#disarm();
    else if (this.#armed !== this.#wanted) this.#arm(this.#wanted);
  }

  #arm(events: number): void {
    const operation = this.#registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    this.#registered = true;
    this.#armed = events;
    const bits = ((events & UV_READABLE) !== 0 ? EPOLLIN : 0) | ((events & UV_WRITABLE) !== 0 ? EPOLLOUT : 0);
    this.#set.control(operation, this, bits);
  }

  #disarm(): void {
    if (!this.#registered) return;
    this.#registered = false;
    this.#armed = 0;
    this.#set.control(EPOLL_CTL_DEL, this, 0);
  }
}

/** Whether a call that answered -1 may simply be made again later. */
export function wouldBlock(errno: number): boolean {
  return errno === EAGAIN || errno === EINTR;
}
