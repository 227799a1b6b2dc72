import { ociError } from './errors.ts';

/** RFC 8878 §3.1.1: magic of a frame, and the 16 magics of skippable ones. */
const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
/** What `zstd -d` accepts without --long; the window is held in memory. */
export const MAX_ZSTD_WINDOW_BYTES = 128 * 1024 * 1024;

type FrameState = 'magic' | 'skippable-size' | 'descriptor' | 'frame-header' | 'block' | 'last-block';

/**
 * Follows the frames and blocks of a Zstandard stream without decoding them: tells whether it ends where a frame
 * does, and refuses a window before anything allocates it.
 */
export class ZstdFrames {
  readonly #need = new Uint8Array(18);
  #have = 0;
  #want = 4;
  #skip = 0;
  #checksum = false;
  #state: FrameState = 'magic';

  /** Whether all that was seen are whole frames. */
  get atFrameEnd(): boolean {
    return this.#state === 'magic' && this.#have === 0 && this.#skip === 0;
  }

  /**
   * The next bytes of the stream.
   *
   * @throws OrlopError oci.bad-layer between frames, oci.layer-limit at a window over 128 MiB
   */
  follow(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at);
        this.#skip -= skipped;
        at += skipped;
        if (this.#skip === 0 && this.#state === 'last-block') this.#expect('magic', 4);
        continue;
      }
      this.#need[this.#have++] = chunk[at++] ?? 0;
      if (this.#have === this.#want) this.#step();
    }
  }

  #expect(state: FrameState, bytes: number): void {
    this.#state = state;
    this.#want = bytes;
    this.#have = 0;
  }

  #step(): void {
    switch (this.#state) {
      case 'magic': {
        const magic = this.#number(0, 4);
        if (magic === FRAME_MAGIC) this.#expect('descriptor', 1);
        else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) this.#expect('skippable-size', 4);
        else throw ociError('oci.bad-layer', 'a zstd stream has something else between its frames');
        break;
      }
      case 'skippable-size':
        this.#skip = this.#number(0, 4);
        this.#expect('magic', 4);
        break;
      case 'descriptor': {
        const descriptor = this.#need[0] ?? 0;
        this.#checksum = (descriptor & 4) !== 0;
        this.#state = 'frame-header';
        this.#want = 1 + frameHeaderBytes(descriptor);
        break;
      }
      case 'frame-header': {
        const window = this.#windowBytes();
        if (window > MAX_ZSTD_WINDOW_BYTES)
          throw ociError('oci.layer-limit', `a zstd stream wants ${window} bytes of memory for its window`);
        this.#expect('block', 3);
        break;
      }
      default:
        this.#block();
    }
  }

  /** RFC 8878 §3.1.1.2. */
  #block(): void {
    const header = this.#number(0, 3);
    const last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    const content = type === 1 ? 1 : header >>> 3;
    this.#skip = content + (last && this.#checksum ? 4 : 0);
    this.#expect(
      last && this.#skip > 0 ? 'last-block' : last ? 'magic' : 'block',
      last && this.#skip === 0 ? 4 : 3,
    );
  }

  /** RFC 8878 §3.1.1.1.2; a single-segment frame's window is its content. */
  #windowBytes(): number {
    const descriptor = this.#need[0] ?? 0;
    if ((descriptor & 0x20) === 0) {
      const byte = this.#need[1] ?? 0;
      const base = 2 ** (10 + (byte >> 3));
      return base + (base / 8) * (byte & 7);
    }
    const start = 1 + dictionaryIdBytes(descriptor);
    return this.#number(start, contentSizeBytes(descriptor));
  }

  #number(start: number, length: number): number {
    let value = 0;
    for (let i = length - 1; i >= 0; i--) value = value * 256 + (this.#need[start + i] ?? 0);
    return value;
  }
}

function frameHeaderBytes(descriptor: number): number {
  const window = (descriptor & 0x20) === 0 ? 1 : 0;
  return window + dictionaryIdBytes(descriptor) + contentSizeBytes(descriptor);
}

function dictionaryIdBytes(descriptor: number): number {
  return [0, 1, 2, 4][descriptor & 3] ?? 0;
}

function contentSizeBytes(descriptor: number): number {
  const flag = descriptor >> 6;
  return flag === 0 ? ((descriptor & 0x20) !== 0 ? 1 : 0) : 2 ** flag;
}
