import { Transform, type TransformCallback } from 'node:stream';
import { ChunkedBody, endOfHead, parseRequestHead, type RequestHead, withBody } from './request-frames.ts';

export interface GateRules {
  /** Whether a request is judged by its body. */
  readonly concerns: (head: RequestHead) => boolean;
  readonly judge: (head: RequestHead, body: Buffer) => Promise<Verdict>;
}

export type Verdict =
  | {
      readonly kind: 'pass';
      /** Goes to dockerd in place of what the client sent. @default that goes */
      readonly body?: Buffer;
      /** Called once: when the answer has been given, or nobody waits for it any more. */
      readonly over?: () => void;
    }
  | { readonly kind: 'refuse'; readonly status: keyof typeof REASONS; readonly message: string };

export const PASS: Verdict = { kind: 'pass' };

/** RFC 9110 §15. */
const REASONS = { 400: 'Bad Request', 500: 'Internal Server Error' } as const;

/** The first of these that concerns a request judges it. */
export function firstOf(...rules: readonly GateRules[]): GateRules {
  return {
    concerns: (head) => rules.some((one) => one.concerns(head)),
    judge: async (head, body) => rules.find((one) => one.concerns(head))?.judge(head, body) ?? PASS,
  };
}

export interface GateOptions {
  /** Told of each request that goes on to dockerd, before the last byte of its head does; `over` as the verdict has it. */
  readonly onPass?: (head: RequestHead, over?: () => void) => void;
  /** Given what the client gets before its connection is ended; nothing passes any more. */
  readonly onMalformed?: (answer: string) => void;
  /** Told when it begins to wait for the rest of a head, or of a request that is judged, and when it has it. */
  readonly onWait?: (isWaiting: boolean) => void;
}

type State =
  | { readonly kind: 'head' }
  | { readonly kind: 'sized'; left: number }
  | { readonly kind: 'chunked'; readonly body: ChunkedBody }
  /** Held back until it is whole. */
  | { readonly kind: 'held'; readonly head: RequestHead; readonly body: HeldBody; readonly raw: Buffer[] }
  /** Whatever comes is passed on. */
  | { readonly kind: 'open' }
  /** Whatever comes is forgotten. */
  | { readonly kind: 'shut' };

type HeldBody =
  | { readonly kind: 'sized'; left: number; readonly content: Buffer[] }
  | { readonly kind: 'chunked'; readonly body: ChunkedBody };

/** Node's own limit of a request's head, and more than Docker's clients ever ask of the requests that are judged. */
const MAX_HEAD_BYTES = 65_536;
const MAX_BODY_BYTES = 8 * 2 ** 20;
const EMPTY = Buffer.alloc(0);

/**
 * The way of a client's bytes to dockerd: each byte as it came, but for requests that the rules refuse or give another
 * body; those that are refused are answered here and never reach dockerd, as are those that two readers may understand
 * differently. What is no HTTP/1, and every hijacked stream, is passed on untouched: the rules are there to explain, not
 * to guard.
 */
export class RequestGate extends Transform {
  readonly #rules: GateRules;
  readonly #answer: (bytes: string) => void;
  readonly #options: GateOptions;
  #waits = false;
  #state: State = { kind: 'head' };
  /** What comes after the body of the request that passes. */
  #next: 'head' | 'open' = 'head';
  #pending: Buffer = EMPTY;

  /** @param answer is given what the client gets in place of dockerd's answer */
  constructor(rules: GateRules, answer: (bytes: string) => void, options: GateOptions = {}) {
    super();
    this.#rules = rules;
    this.#answer = answer;
    this.#options = options;
  }

  /** The request that asked for another protocol got an ordinary answer: another request may follow. */
  stayHttp(): void {
    this.#next = 'head';
    if (this.#state.kind === 'open') this.#state = { kind: 'head' };
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#take(chunk).then(
      () => {
        this.#tellWait(this.#pending.length > 0 || this.#state.kind === 'held');
        done();
      },
      (error: Error) => done(error),
    );
  }

  /** A client that ends in the middle of a request: dockerd shall see what there was of it. */
  override _flush(done: TransformCallback): void {
    if (this.#state.kind === 'held') this.#passAll(this.#state.raw);
    if (this.#pending.length > 0) this.push(this.#pending);
    done();
  }

  async #take(chunk: Buffer): Promise<void> {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = EMPTY;
    while (bytes.length > 0) {
      const taken = await this.#step(bytes);
      if (taken === 'more') {
        this.#pending = bytes;
        return;
      }
      bytes = bytes.subarray(taken);
    }
  }

  /** @returns how many bytes were dealt with */
  async #step(bytes: Buffer): Promise<number | 'more'> {
    const state = this.#state;
    switch (state.kind) {
      case 'open':
        this.push(bytes);
        return bytes.length;
      case 'shut':
        return bytes.length;
      case 'head':
        return this.#head(bytes);
      case 'sized': {
        const part = bytes.subarray(0, state.left);
        state.left -= part.length;
        this.push(part);
        if (state.left === 0) this.#state = { kind: this.#next };
        return part.length;
      }
      case 'chunked': {
        const found = state.body.push(bytes);
        if (found === undefined) return this.#giveUp();
        this.push(bytes.subarray(0, found.taken));
        if (found.ended) this.#state = { kind: this.#next };
        return found.taken;
      }
      case 'held':
        return this.#hold(state, bytes);
    }
  }

  async #head(bytes: Buffer): Promise<number | 'more'> {
    const end = endOfHead(bytes);
    if (end === undefined) {
      // HTTP/2's preface has an empty line early; whatever has none is not what is looked for here.
      return bytes.length > MAX_HEAD_BYTES ? this.#giveUp() : 'more';
    }
    const { length } = end;
    const head = parseRequestHead(bytes.toString('latin1', 0, end.lines));
    if (head?.kind === 'ambiguous') {
      this.#state = { kind: 'shut' };
      this.#options.onMalformed?.(
        refusal('400 Bad Request', `the request is malformed: ${head.reason}`, CLOSE),
      );
      return bytes.length;
    }
    if (head === undefined) return this.#giveUp();
    const raw = bytes.subarray(0, length);
    const { body } = head;
    this.#next = head.hijacks ? 'open' : 'head';
    const judged =
      !head.hijacks &&
      this.#rules.concerns(head) &&
      (body.kind === 'chunked' || body.bytes <= MAX_BODY_BYTES);
    if (judged) {
      const held: HeldBody =
        body.kind === 'sized'
          ? { kind: 'sized', left: body.bytes, content: [] }
          : { kind: 'chunked', body: new ChunkedBody({ keep: true }) };
      this.#state = { kind: 'held', head, body: held, raw: [raw] };
      if (head.awaitsContinue) this.#answer('HTTP/1.1 100 Continue\r\n\r\n'); // dockerd does not know of it yet
      if (held.kind === 'sized' && held.left === 0) await this.#decide(head, EMPTY, [raw]);
      return length;
    }
    this.#options.onPass?.(head);
    this.push(raw);
    if (body.kind === 'chunked') this.#state = { kind: 'chunked', body: new ChunkedBody({ keep: false }) };
    else this.#state = body.bytes > 0 ? { kind: 'sized', left: body.bytes } : { kind: this.#next };
    return length;
  }

  async #hold({ head, body, raw }: State & { readonly kind: 'held' }, bytes: Buffer): Promise<number> {
    if (body.kind === 'sized') {
      const part = bytes.subarray(0, body.left);
      body.left -= part.length;
      body.content.push(part);
      raw.push(part);
      if (body.left === 0) await this.#decide(head, Buffer.concat(body.content), raw);
      return part.length;
    }
    const found = body.body.push(bytes);
    if (found === undefined || sizeOf(raw) > MAX_BODY_BYTES) {
      this.#passAll(raw);
      return this.#giveUp();
    }
    raw.push(bytes.subarray(0, found.taken));
    if (found.ended) await this.#decide(head, body.body.content, raw);
    return found.taken;
  }

  async #decide(head: RequestHead, body: Buffer, raw: readonly Buffer[]): Promise<void> {
    this.#state = { kind: 'head' };
    const verdict = await this.#rules.judge(head, body);
    if (verdict.kind === 'refuse') {
      this.#answer(refusal(`${verdict.status} ${REASONS[verdict.status]}`, verdict.message));
    } else if (this.destroyed) {
      verdict.over?.();
    } else {
      this.#options.onPass?.(head, verdict.over);
      this.#passAll(verdict.body === undefined ? raw : withBody(raw[0] ?? EMPTY, verdict.body));
    }
  }

  /** From here on everything is passed on, these bytes first. */
  #giveUp(): number {
    this.#state = { kind: 'open' };
    return 0;
  }

  #tellWait(isWaiting: boolean): void {
    if (this.#waits === isWaiting) return;
    this.#waits = isWaiting;
    this.#options.onWait?.(isWaiting);
  }

  #passAll(parts: readonly Buffer[]): void {
    for (const part of parts) this.push(part);
  }
}

function sizeOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** A header that ends the connection after the answer. */
export const CLOSE = 'Connection: close\r\n';

/** As dockerd words its own refusals; the connection stays unless `headers` say otherwise. */
export function refusal(status: string, message: string, headers = ''): string {
  const body = JSON.stringify({ message });
  return (
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\n${headers}` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}
