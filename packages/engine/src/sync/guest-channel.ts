import type { Duplex } from 'node:stream';
import { untilDrained } from '@orlop/core';
import { engineError } from '../errors.ts';

/** Where pkg/docker/engine-sync answers; guest/src/engine/engine-paths.ts has the other side. */
export const SYNC_PORT = 2372;
/** More than 500 entries with the longest names that Linux has. */
const MAX_LINE_BYTES = 2 ** 22;
/** The machine may be asleep, or digest a file of many gigabytes. */
const SILENCE_MS = 300_000;

/**
 * Requests and answers on one connection of the machine: JSON lines, contents in between (guest/src/sync/messages.ts). One
 * exchange at a time. Whatever goes wrong ends the connection with `engine.sync-failed`.
 */
export class GuestChannel {
  readonly #stream: Duplex;
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #last: Promise<unknown> = Promise.resolve();

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#source = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    stream.on('error', () => undefined); // told to whoever reads
  }

  close(): void {
    this.#stream.destroy();
  }

  /** Has the connection for itself until `work` is done. */
  exchange<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => this.close());
    return next;
  }

  ask(message: unknown): Promise<Record<string, unknown>> {
    return this.exchange(async () => {
      await this.say(message);
      return this.hear();
    });
  }

  /** Within {@link exchange}. Resolves when there is room for more. */
  async say(message: unknown): Promise<void> {
    await this.send(Buffer.from(`${JSON.stringify(message)}\n`));
  }

  async send(bytes: Uint8Array): Promise<void> {
    if (this.#stream.destroyed) throw gone();
    if (this.#stream.write(bytes)) return;
    await untilDrained(this.#stream);
    if (this.#stream.destroyed) throw gone();
  }

  async hear(): Promise<Record<string, unknown>> {
    const line = await this.#line();
    let answer: unknown;
    try {
      answer = JSON.parse(line);
    } catch (cause) {
      throw engineError('engine.sync-failed', 'the machine answered with what is no JSON', { cause });
    }
    if (typeof answer === 'object' && answer !== null) return answer as Record<string, unknown>;
    throw engineError('engine.sync-failed', 'the machine answered with what is no object');
  }

  /** Exactly so many bytes, in pieces. */
  async *bytes(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async #line(): Promise<string> {
    const pieces: Buffer[] = [];
    for (let length = 0; ; ) {
      const end = this.#rest.indexOf(0x0a);
      pieces.push(end < 0 ? this.#rest : this.#rest.subarray(0, end));
      if (end >= 0) {
        this.#rest = this.#rest.subarray(end + 1);
        return Buffer.concat(pieces).toString('utf8');
      }
      length += this.#rest.length;
      if (length > MAX_LINE_BYTES) {
        throw engineError(
          'engine.sync-failed',
          `the machine's answer has a line of over ${MAX_LINE_BYTES} bytes`,
        );
      }
      this.#rest = await this.#next();
    }
  }

  async #next(): Promise<Buffer> {
    const timer = setTimeout(() => this.#stream.destroy(), SILENCE_MS);
    try {
      const { value, done } = await this.#source.next();
      if (done === true) throw gone();
      return Buffer.isBuffer(value) ? value : Buffer.from(value);
    } catch (cause) {
      throw cause instanceof Error && 'code' in cause && cause.code === 'engine.sync-failed'
        ? cause
        : gone(cause);
    } finally {
      clearTimeout(timer);
    }
  }
}

function gone(cause?: unknown): Error {
  return engineError('engine.sync-failed', 'the connection to the machine has ended', { cause });
}
