import type { TcpHandler, TcpSocket } from '@orlop/netstack';

/** More questions of one connection than these wait in its receive queue until some are answered. */
const MAX_WAITING = 64;
const LENGTH_LEN = 2;

export interface TcpConversationOptions {
  /** Answers the question by calling `reply` once, and says so; false where it deserves no answer. */
  readonly onQuestion: (message: Uint8Array, reply: (answer: Uint8Array) => void) => boolean;
  /** The connection has ended, in whatever way. */
  readonly onClosed: () => void;
}

/**
 * Questions and answers over one TCP connection (RFC 7766), each behind its length. Who asks many at once, or reads
 * slowly, is read from no faster than it takes its answers; who has said its last is still answered.
 */
export class TcpConversation implements TcpHandler {
  readonly #socket: TcpSocket;
  readonly #options: TcpConversationOptions;
  /** Of the question that is to come; undefined until that is known. */
  #length: number | undefined;
  #waiting = 0;
  /** What the connection has not taken yet. */
  readonly #outgoing: Uint8Array[] = [];
  #hasEnded = false;

  constructor(socket: TcpSocket, options: TcpConversationOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  onReadable(): void {
    this.#take();
  }

  onWritable(): void {
    this.#flush();
    this.#take();
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.#take();
  }

  onClose(): void {
    this.#outgoing.length = 0;
    this.#options.onClosed();
  }

  #take(): void {
    while (this.#waiting < MAX_WAITING && this.#outgoing.length === 0) {
      const message = this.#nextMessage();
      if (message === undefined) {
        if (this.#hasEnded && this.#waiting === 0) this.#finish();
        return;
      }
      if (this.#options.onQuestion(message, (answer) => this.#reply(answer))) this.#waiting++;
    }
  }

  #nextMessage(): Uint8Array | undefined {
    this.#length ??= this.#nextLength();
    if (this.#length === undefined || this.#socket.readable < this.#length) return undefined;
    const message = new Uint8Array(this.#length);
    this.#socket.read(message);
    this.#length = undefined;
    return message;
  }

  #nextLength(): number | undefined {
    if (this.#socket.readable < LENGTH_LEN) return undefined;
    const bytes = new Uint8Array(LENGTH_LEN);
    this.#socket.read(bytes);
    const [high = 0, low = 0] = bytes;
    return (high << 8) | low;
  }

  #reply(answer: Uint8Array): void {
    this.#waiting--;
    const framed = new Uint8Array(LENGTH_LEN + answer.length);
    framed[0] = answer.length >>> 8;
    framed[1] = answer.length & 0xff;
    framed.set(answer, LENGTH_LEN);
    this.#outgoing.push(framed);
    this.#flush();
    this.#take();
  }

  #flush(): void {
    for (let next = this.#outgoing[0]; next !== undefined; next = this.#outgoing[0]) {
      const taken = this.#socket.write(next);
      if (taken < next.length) {
        this.#outgoing[0] = next.subarray(taken);
        return;
      }
      this.#outgoing.shift();
    }
  }

  /** What is left is no whole question. */
  #finish(): void {
    this.#socket.consume(this.#socket.readable);
    this.#socket.shutdown();
  }
}
