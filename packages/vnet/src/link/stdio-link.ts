import { type HostEndpoint, type HostStream, WOULD_BLOCK } from '../host/host-sockets.ts';
import { littleEndian16Framing } from './framing.ts';
import type { Link } from './link.ts';
import { StreamLink } from './stream-link.ts';

export interface StdioStreams {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Called when the link is closed: ends streams that nobody else uses. @default they are left open */
  readonly release?: () => void;
}

const PEER: HostEndpoint = { kind: 'unix', path: 'stdio' };
const MAX_WRITE_QUEUE = 256 * 1024;
const MAX_READ_QUEUE = 256 * 1024;
/** The length has 16 bits. */
const MAX_MTU = 65_535 - 18;

/** Frames with 16-bit little-endian lengths on a pair of streams: a guest at the other end of ssh. */
export function openStdioLink(streams: StdioStreams, mtu: number): Link {
  const pipe = new PipeStream(streams);
  const link = new StreamLink(pipe, {
    kind: 'stdio',
    framing: littleEndian16Framing,
    peer: 'stdio',
    mtu: Math.min(mtu, MAX_MTU),
  });
  pipe.listen(link);
  return link;
}

/** Two of Node's streams with the face of a host's socket. */
class PipeStream implements HostStream {
  readonly remote = PEER;
  readonly local = PEER;
  readonly isOpen = true;
  readonly #streams: StdioStreams;
  #chunks: Buffer[] = [];
  #queued = 0;
  #ended = false;
  #unsent = 0;
  #link: StreamLink | undefined;

  constructor(streams: StdioStreams) {
    this.#streams = streams;
  }

  listen(link: StreamLink): void {
    this.#link = link;
    const { input, output } = this.#streams;
    input.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#queued += chunk.length;
      if (this.#queued >= MAX_READ_QUEUE) input.pause();
      this.#link?.onReadable();
    });
    const atEnd = () => {
      this.#ended = true;
      this.#link?.onReadable();
    };
    input.once('end', atEnd);
    // A socket that is destroyed has no 'end'.
    input.once('close', atEnd);
    output.on('error', () => this.#link?.onFailed('reset'));
  }

  read(into: Uint8Array): number {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return this.#ended ? 0 : WOULD_BLOCK;
    const count = Math.min(into.length, chunk.length);
    into.set(chunk.subarray(0, count));
    if (count === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(count);
    this.#queued -= count;
    if (this.#queued < MAX_READ_QUEUE) this.#streams.input.resume();
    return count;
  }

  write(from: Uint8Array, at = 0, length = from.length - at): number {
    const count = Math.min(length, MAX_WRITE_QUEUE - this.#unsent);
    if (count <= 0) return 0;
    this.#unsent += count;
    this.#streams.output.write(Uint8Array.prototype.slice.call(from, at, at + count), () => {
      const wasFull = this.#unsent >= MAX_WRITE_QUEUE;
      this.#unsent -= count;
      if (wasFull) this.#link?.onWritable();
    });
    return count;
  }

  wantRead(want: boolean): void {
    if (want) this.#streams.input.resume();
    else this.#streams.input.pause();
  }

  end(): void {
    this.#streams.output.end();
  }

  close(): void {
    this.#link = undefined;
    this.#streams.input.pause();
    this.#streams.release?.();
  }

  reset(): void {
    this.close();
  }
}
