import { seededRandom } from '@orlop/testkit';
import type { TcpHandler, TcpSocket } from '../face.ts';
import type { twoHosts } from './two-hosts.ts';

export interface TransferOptions {
  readonly hosts: ReturnType<typeof twoHosts>;
  readonly upBytes: number;
  readonly downBytes: number;
  /** Side b uses bytes as they arrive (`onBytes`), but only this many at a time. @default never */
  readonly usedAtOnce?: number;
  /** Side b reads nothing before all that it sends is acknowledged. @default false */
  readonly readsLast?: boolean;
  /** Virtual milliseconds after which the transfer counts as stuck. @default 3_600_000 */
  readonly untilMs?: number;
}

export interface TransferResult {
  readonly finished: boolean;
  /** Bytes that arrived at each side and differ from what was sent, or are too many or too few. */
  readonly problems: readonly string[];
  readonly elapsedMs: number;
  readonly reasons: readonly string[];
  readonly retransmits: number;
}

/** After this side b looks again whether it may read. */
const READ_AGAIN_MS = 50;

/** Sends and checks an endless pseudo-random text that both sides can compute. */
class Stream {
  readonly #total: number;
  readonly #text: Uint8Array;
  sent = 0;
  received = 0;
  wrong = 0;
  /** How often the socket had room for a part of a byte, which a program would read an end into. */
  fractions = 0;

  constructor(total: number, seed: number) {
    this.#total = total;
    this.#text = new Uint8Array(65_521); // prime: no segment size divides it
    seededRandom(seed).fill(this.#text);
  }

  get isSent(): boolean {
    return this.sent === this.#total;
  }

  get complete(): boolean {
    return this.received === this.#total && this.wrong === 0;
  }

  /** Writes as much as the socket takes; true when all is written. */
  write(socket: TcpSocket): boolean {
    if (!Number.isInteger(socket.writable)) this.fractions++;
    while (this.sent < this.#total) {
      const at = this.sent % this.#text.length;
      const piece = this.#text.subarray(at, Math.min(this.#text.length, at + this.#total - this.sent));
      const taken = socket.write(piece);
      this.sent += taken;
      if (taken < piece.length) return false;
    }
    return true;
  }

  read(socket: TcpSocket): void {
    for (let view = socket.peek(); view.length > 0; view = socket.peek()) socket.consume(this.take(view));
  }

  /** Compares, up to where the text begins again; returns how many bytes. */
  take(view: Uint8Array): number {
    const at = this.received % this.#text.length;
    const length = Math.min(view.length, this.#text.length - at);
    for (let index = 0; index < length; index++) if (view[index] !== this.#text[at + index]) this.wrong++;
    this.received += length;
    return length;
  }
}

/** Both sides send at once, each half-closes when it is done, and both see the other's end. */
export function runTransfer(options: TransferOptions): TransferResult {
  const { a, b, simulation } = options.hosts;
  const up = new Stream(options.upBytes, 11);
  const down = new Stream(options.downBytes, 12);
  const reasons: string[] = [];
  const ends: string[] = [];
  const { usedAtOnce, readsLast = false } = options;
  const handler = (name: string, mine: Stream, theirs: Stream): TcpHandler => {
    const push = (socket: TcpSocket): void => {
      if (mine.write(socket)) socket.shutdown();
    };
    return {
      onOpen: push,
      onWritable: push,
      onReadable: (socket) => {
        if (name === 'a' || !readsLast || (mine.isSent && socket.unacknowledged === 0)) theirs.read(socket);
        else simulation.at(simulation.now + READ_AGAIN_MS, () => socket.handler.onReadable?.(socket));
      },
      onEnd: () => ends.push(name),
      onClose: (_socket, reason) => reasons.push(`${name}: ${reason}`),
    };
  };
  const onBytes: TcpHandler['onBytes'] = (_socket, bytes, from, length) =>
    up.take(bytes.subarray(from, from + Math.min(length, usedAtOnce ?? 0)));
  b.stack.tcp.listen({ port: 7 }, () => ({
    ...handler('b', down, up),
    ...(usedAtOnce !== undefined && { onBytes }),
  }));
  const start = simulation.now;
  a.stack.tcp.connect({ remote: { address: b.address, port: 7 } }, handler('a', up, down));
  const finished = simulation.run(() => reasons.length >= 2, start + (options.untilMs ?? 3_600_000));
  const problems: string[] = [];
  if (!up.complete) problems.push(`up: ${up.received} of ${options.upBytes} bytes, ${up.wrong} wrong`);
  if (!down.complete)
    problems.push(`down: ${down.received} of ${options.downBytes} bytes, ${down.wrong} wrong`);
  if (up.fractions + down.fractions > 0) problems.push('room for a part of a byte');
  if (ends.length !== 2) problems.push(`ends seen: ${ends.join()}`);
  const retransmits = a.stack.tcp.counters.retransmits + b.stack.tcp.counters.retransmits;
  return { finished, problems, elapsedMs: simulation.now - start, reasons: reasons.sort(), retransmits };
}
