import type { Duplex } from 'node:stream';
import { vmError } from '../errors.ts';

/** One event of QEMU's machine protocol (QEMU: docs/interop/qmp-spec). */
export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly timestamp: { readonly seconds: number; readonly microseconds: number };
}

export interface QmpOptions {
  /** How long the greeting and each answer may take. @default 10_000 */
  readonly timeoutMs?: number;
  /** Called for every event, in order. */
  readonly onEvent?: (event: QmpEvent) => void;
}

interface Pending {
  readonly command: string;
  readonly timer: NodeJS.Timeout;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

type Message = {
  readonly QMP?: { readonly version: { readonly qemu: QemuVersion } };
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly id?: number;
};

export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
}

/** A line longer than this is no answer of QEMU's: the largest, `query-qmp-schema`, is a quarter of it. */
const MAX_LINE_CHARS = 1 << 20;

/**
 * A client of QEMU's machine protocol over a stream that it owns. Commands may overlap; answers are matched by id.
 *
 * Invariant: every command that was sent ends exactly once: by its answer, its timeout, or the stream's end.
 */
export class QmpClient {
  readonly #stream: Duplex;
  readonly #timeoutMs: number;
  readonly #onEvent: (event: QmpEvent) => void;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #text = '';
  #version: QemuVersion | undefined;
  #closed = false;
  #greeted: ((failure?: Error) => void) | undefined;

  private constructor(stream: Duplex, options: QmpOptions) {
    this.#stream = stream;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#onEvent = options.onEvent ?? (() => {});
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#receive(text));
    stream.on('error', (error) => this.#close(error));
    stream.on('close', () => this.#close());
  }

  /**
   * Waits for the greeting and leaves the negotiation.
   * @throws OrlopError `vm.timeout`, `vm.qmp-closed`
   */
  static async connect(stream: Duplex, options: QmpOptions = {}): Promise<QmpClient> {
    const client = new QmpClient(stream, options);
    try {
      await client.#waitForGreeting();
      await client.execute('qmp_capabilities');
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  get version(): QemuVersion | undefined {
    return this.#version;
  }

  /** @throws OrlopError `vm.qmp-failed` with QEMU's own words, `vm.timeout`, `vm.qmp-closed` */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#closed) return Promise.reject(closedError(command));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(vmError('vm.timeout', `QEMU did not answer "${command}" within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      this.#pending.set(id, { command, timer, resolve, reject });
      this.#stream.write(
        `${JSON.stringify({ execute: command, ...(args === undefined ? {} : { arguments: args }), id })}\n`,
      );
    });
  }

  /** Ends the stream; commands under way fail with `vm.qmp-closed`. Harmless when closed already. */
  close(): void {
    this.#stream.destroy();
    this.#close();
  }

  #waitForGreeting(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          vmError('vm.timeout', `QEMU did not greet within ${this.#timeoutMs} ms`, {
            hint: 'another program may hold this monitor',
          }),
        );
      }, this.#timeoutMs);
      this.#greeted = (failure) => {
        clearTimeout(timer);
        if (failure === undefined) resolve();
        else reject(failure);
      };
      if (this.#version !== undefined) this.#greeted();
    });
  }

  #receive(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      if (line.trim() !== '') this.#receiveLine(line);
    }
    if (this.#text.length > MAX_LINE_CHARS) this.#stream.destroy(new Error('a line of QMP has no end'));
  }

  #receiveLine(line: string): void {
    let message: Message;
    try {
      message = JSON.parse(line) as Message;
      if (typeof message !== 'object' || message === null) throw new Error('no object');
    } catch {
      this.#stream.destroy(new Error(`not QMP: ${line.slice(0, 80)}`));
      return;
    }
    if (message.QMP !== undefined) {
      this.#version = message.QMP.version.qemu;
      this.#greeted?.();
    } else if (message.event !== undefined) {
      this.#onEvent(message as unknown as QmpEvent);
    } else if (message.id !== undefined) {
      this.#receiveAnswer(message.id, message);
    }
  }

  #receiveAnswer(id: number, message: Message): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (message.error === undefined) pending.resolve(message.return);
    else pending.reject(vmError('vm.qmp-failed', `QEMU refused "${pending.command}": ${message.error.desc}`));
  }

  #close(cause?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#greeted?.(closedError('greeting', cause));
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(closedError(pending.command, cause));
    }
    this.#pending.clear();
  }
}

function closedError(command: string, cause?: Error): Error {
  return vmError('vm.qmp-closed', `QEMU's monitor closed before "${command}" was answered`, { cause });
}
