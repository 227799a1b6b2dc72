import { os, std } from '../system/quickjs.ts';
import { applySteps, own, ownerOf, type Staged } from './apply-steps.ts';
import {
  chunkBytes,
  digestsOf,
  entryOf,
  namesIn,
  openForReading,
  runApplet,
  writeAll,
} from './copy-files.ts';
import type { Entry, Request } from './messages.ts';

/** Entries of one line of an answer: the host takes no endless lines. */
const entriesAtOnce = 500;
const whole = '1'.charCodeAt(0);

/**
 * The machine's side of one synchronised share: answers the host on standard input and output until it goes away. `folder`
 * holds `tree` (what containers see), `stage` (contents on their way) and `state`. It runs in a root of its own, in which
 * links lead nowhere else: pkg/docker/engine-sync.
 */
export class CopyServer {
  readonly #tree: string;
  readonly #stage: string;
  readonly #state: string;
  readonly #buffer = new ArrayBuffer(chunkBytes);
  #staged: Staged = new Map();

  constructor(folder: string) {
    this.#tree = `${folder}/tree`;
    this.#stage = `${folder}/stage`;
    this.#state = `${folder}/state`;
  }

  /** Returns when the host has gone. */
  run(): void {
    for (;;) {
      const line = std.in.getline();
      if (line === null) return;
      this.#answer(JSON.parse(line) as Request);
      std.out.flush();
    }
  }

  #answer(request: Request): void {
    switch (request.do) {
      case 'hello':
        say({ version: 1, state: readState(this.#state) });
        break;
      case 'adopt':
        // A new copy's own folder is like what is made in it; one that somebody has given away stays theirs.
        if (request.owner !== undefined && ownerOf(this.#tree)?.join(':') === '0:0') {
          own([{ path: this.#tree, owner: request.owner }]);
        }
        say({ done: this.#keep({ stamp: request.stamp, generation: 0 }) });
        break;
      case 'list':
        this.#list(request.folders);
        break;
      case 'stat':
        say({ now: Date.now(), entries: request.paths.map((path) => entryOf(this.#at(path), '') ?? null) });
        break;
      case 'digest':
        say({ digests: digestsOf(request.paths.map((path) => this.#at(path))) });
        break;
      case 'read':
        for (const path of request.paths) this.#send(this.#at(path));
        break;
      case 'stage':
        this.#receive(request);
        break;
      case 'apply':
        this.#apply(request);
        break;
      case 'commit':
        say({ done: this.#keep({ ...readState(this.#state), generation: request.generation }) });
        break;
    }
  }

  #apply({ owner, steps }: Extract<Request, { readonly do: 'apply' }>): void {
    const places = { tree: this.#tree, stage: this.#stage, staged: this.#staged };
    say({ results: applySteps(steps, { ...places, ...(owner === undefined ? {} : { owner }) }) });
    for (const name of namesIn(this.#stage) ?? []) os.remove(`${this.#stage}/${name}`);
    this.#staged = new Map();
  }

  #list(folders: readonly string[]): void {
    const failed: number[] = [];
    for (const [index, folder] of folders.entries()) {
      const path = this.#at(folder);
      const names = namesIn(path);
      if (names === undefined) failed.push(index);
      let entries: Entry[] = [];
      for (const name of names ?? []) {
        entries.push(entryOf(`${path}/${name}`, name) ?? [name, 'x', 0, 0, '', 0]);
        if (entries.length < entriesAtOnce) continue;
        say([index, entries]);
        entries = [];
      }
      if (entries.length > 0) say([index, entries]);
    }
    say({ now: Date.now(), failed });
  }

  #send(path: string): void {
    const before = entryOf(path, '');
    const descriptor = before?.[1] === 'f' ? openForReading(path) : -1;
    if (before === undefined || descriptor < 0) {
      say({ size: -1 });
      return;
    }
    const [, , , size, hint] = before;
    say({ size, modified: Number(hint.split('.')[2]) });
    let left = size;
    for (; left > 0; ) {
      const count = os.read(descriptor, this.#buffer, 0, Math.min(left, chunkBytes));
      if (count <= 0) break;
      std.out.write(this.#buffer, 0, count);
      left -= count;
    }
    os.close(descriptor);
    const isWhole = left === 0 && entryOf(path, '')?.[4] === hint;
    new Uint8Array(this.#buffer).fill(0);
    // What was promised is sent, and said to be nothing.
    for (; left > 0; left -= Math.min(left, chunkBytes)) {
      std.out.write(this.#buffer, 0, Math.min(left, chunkBytes));
    }
    std.out.puts(isWhole ? '1' : '0');
  }

  #receive({ number, mode, size, modified }: Extract<Request, { readonly do: 'stage' }>): void {
    const path = `${this.#stage}/${number}`;
    os.remove(path);
    const descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode);
    let error = descriptor < 0 ? -descriptor : 0;
    for (let left = size; left > 0; ) {
      const count = std.in.read(this.#buffer, 0, Math.min(left, chunkBytes));
      if (count <= 0) std.exit(1); // the host went away in the middle
      if (error === 0) error = writeAll(descriptor, this.#buffer, count);
      left -= count;
    }
    if (descriptor >= 0) os.close(descriptor);
    const count = std.in.read(this.#buffer, 0, 1);
    if (count !== 1 || new Uint8Array(this.#buffer)[0] !== whole) return;
    if (error === 0) os.utimes(path, modified, modified);
    this.#staged.set(number, error);
  }

  /** What the host asks to be remembered is on the disk, with all that came before, when this returns. */
  #keep(state: unknown): boolean {
    const file = std.open(`${this.#state}.new`, 'wb');
    if (file === null) return false;
    file.puts(JSON.stringify(state));
    file.close();
    return (
      runApplet(['sync', '-f', this.#stage]) &&
      os.rename(`${this.#state}.new`, this.#state) === 0 &&
      runApplet(['sync', '-f', this.#stage])
    );
  }

  #at(path: string): string {
    return path === '' ? this.#tree : `${this.#tree}/${path}`;
  }
}

function readState(path: string): object | null {
  const text = std.loadFile(path);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function say(message: unknown): void {
  std.out.puts(`${JSON.stringify(message)}\n`);
}
