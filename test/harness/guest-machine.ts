import type { ChildProcessWithoutNullStreams } from 'node:child_process';

/**
 * Emulation on a machine with two processors that has other work, too: a start of 15 s took over two minutes there.
 * Generous, since a wait ends as soon as the text is there.
 */
const defaultTimeoutMs = 300_000;

interface Waiter {
  readonly pattern: RegExp;
  readonly found: (match: RegExpExecArray) => void;
  readonly failed: (error: Error) => void;
}

/** A machine that runs, seen through its console. */
export class GuestMachine {
  /** Settles with the exit status of `orlop run` when the machine is off. */
  readonly exited: Promise<number>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #stop: () => Promise<void>;
  readonly #startedMs = Date.now();
  #text = '';
  /** The line that is being said. */
  #rest = '';
  /** Why nothing that is waited for can come any more. */
  #over: string | undefined;
  readonly #lineListeners = new Set<(line: string) => void>();
  #waiters: Waiter[] = [];

  constructor(child: ChildProcessWithoutNullStreams, stop: () => Promise<void>) {
    this.#child = child;
    this.#stop = stop;
    child.stdout.setEncoding('utf8').on('data', (piece: string) => this.#take(piece.replaceAll('\r', '')));
    child.stderr.setEncoding('utf8').on('data', (piece: string) => this.#take(piece));
    this.exited = new Promise((settled) => {
      child.on('close', (status) => {
        settled(status ?? -1);
        this.#failAll('the machine has ended');
      });
    });
  }

  /** Everything on the console so far. */
  get console(): string {
    return this.#text;
  }

  get elapsedMs(): number {
    return Date.now() - this.#startedMs;
  }

  /** The first place on the console, from the start on, that the pattern matches; fails once that cannot come. */
  waitFor(pattern: RegExp, timeoutMs = defaultTimeoutMs): Promise<RegExpExecArray> {
    const match = pattern.exec(this.#text);
    if (match !== null) return Promise.resolve(match);
    if (this.#over !== undefined) return Promise.reject(this.#missing(pattern, this.#over));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(this.#missing(pattern, `${timeoutMs / 1000} s have passed`));
      }, timeoutMs);
      const waiter: Waiter = {
        pattern,
        found: (found) => {
          clearTimeout(timer);
          resolve(found);
        },
        failed: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#waiters.push(waiter);
    });
  }

  /** Calls back for every line from now on that matches, until the returned function is called. */
  onLine(pattern: RegExp, listener: (match: RegExpExecArray) => void): () => void {
    const listen = (line: string): void => {
      const match = pattern.exec(line);
      if (match !== null) listener(match);
    };
    this.#lineListeners.add(listen);
    return () => this.#lineListeners.delete(listen);
  }

  /** As on its keyboard. */
  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** As a user does: `orlop stop`, which presses the power button. */
  async powerDown(): Promise<void> {
    await this.#stop();
  }

  /** For the end of a test, whatever has happened: no machine is left behind. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    await this.#stop().catch(() => this.#child.kill('SIGINT'));
    await this.exited;
  }

  /** Where the way down is not what is tested: a second interrupt ends the machine at once. */
  async endNow(): Promise<void> {
    this.#child.kill('SIGINT');
    this.#child.kill('SIGINT');
    const again = setInterval(() => this.#child.kill('SIGINT'), 200);
    await this.exited;
    clearInterval(again);
  }

  #take(piece: string): void {
    this.#text += piece;
    const said = this.#rest + piece;
    const lines = said.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) for (const listen of this.#lineListeners) listen(line);
    if (/Kernel panic|Oops:/.test(said)) this.#failAll('the kernel has failed');
    for (const waiter of [...this.#waiters]) {
      const match = waiter.pattern.exec(this.#text);
      if (match === null) continue;
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      waiter.found(match);
    }
  }

  #failAll(why: string): void {
    this.#over ??= why;
    for (const { pattern, failed } of this.#waiters) failed(this.#missing(pattern, why));
    this.#waiters = [];
  }

  #missing(pattern: RegExp, why: string): Error {
    const end = this.#text.split('\n').slice(-60).join('\n');
    return new Error(`${pattern} did not come on the console, and ${why}. Its end:\n${end}`);
  }
}
