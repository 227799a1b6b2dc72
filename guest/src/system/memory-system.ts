import { baseName, directoryName, joinPath } from '../paths.ts';
import type {
  Ending,
  FileKind,
  FileStatus,
  Files,
  LaunchedProcess,
  Processes,
  RunOptions,
  SignalName,
  StartedProcess,
  System,
  Time,
} from './system.ts';

type Node =
  | { readonly kind: 'directory'; mode: number }
  | { readonly kind: 'symlink'; readonly target: string; readonly mode: number }
  | { readonly kind: Exclude<FileKind, 'directory' | 'symlink'>; mode: number; text: string };

/** What a command does to a memory system: an exit status, perhaps output, perhaps changes to its files. */
export type CommandScript = (
  command: readonly string[],
  options: RunOptions,
  system: MemorySystem,
) => { readonly status: number; readonly output?: string };

/**
 * A machine in memory: files in a map, a clock that moves only by {@link MemorySystem.advance}, and commands that
 * do what a script says. Commands started (not run) stay alive until {@link MemorySystem.end}.
 */
export class MemorySystem implements System {
  readonly files: MemoryFiles;
  readonly processes: MemoryProcesses;
  readonly time: MemoryTime;

  constructor(script: CommandScript = () => ({ status: 0 })) {
    this.files = new MemoryFiles();
    this.time = new MemoryTime();
    this.processes = new MemoryProcesses(script, this);
  }

  /** Every command run or started so far, in order, each as one line. */
  get commands(): readonly string[] {
    return this.processes.history.map((command) => command.join(' '));
  }

  advance(durationMs: number): void {
    this.time.advance(durationMs);
  }

  /** Ends a started process and lets its owner know. */
  end(pid: number, ending: Ending): void {
    this.processes.end(pid, ending);
  }
}

export class MemoryFiles implements Files {
  readonly #nodes = new Map<string, Node>([['/', { kind: 'directory', mode: 0o755 }]]);
  readonly #watchers = new Map<string, Set<(bytes: Uint8Array) => void>>();

  /** Makes a file with its folders: for setting a scene. */
  put(path: string, text: string, kind: Exclude<FileKind, 'directory' | 'symlink'> = 'file'): void {
    this.makeFolder(directoryName(path));
    this.#nodes.set(this.#resolveParent(path), { kind, mode: 0o644, text });
  }

  /** Lets a watched device or fifo speak. */
  deliver(path: string, bytes: Uint8Array): void {
    for (const listener of this.#watchers.get(path) ?? []) listener(bytes);
  }

  read(path: string): string | undefined {
    const node = this.#find(path);
    return node !== undefined && 'text' in node ? node.text : undefined;
  }

  readEnd(path: string, maxBytes: number): string {
    return (this.read(path) ?? '').slice(-maxBytes);
  }

  write(path: string, text: string, options: { readonly mode?: number } = {}): boolean {
    const place = this.#resolveParent(path);
    if (this.#nodes.get(directoryName(place))?.kind !== 'directory') return false;
    this.#nodes.set(place, { kind: 'file', mode: options.mode ?? 0o644, text });
    return true;
  }

  writeInPlace(path: string, text: string): boolean {
    const node = this.#find(path);
    if (node === undefined || !('text' in node)) return false;
    if (node.kind === 'fifo')
      this.deliver(
        path,
        Uint8Array.from(text, (character) => character.charCodeAt(0)),
      );
    // What a device was given stays to be seen.
    else node.text = node.kind === 'character-device' ? node.text + text : text;
    return true;
  }

  append(path: string, text: string): boolean {
    const node = this.#find(path);
    if (node === undefined) return this.write(path, text);
    if (!('text' in node)) return false;
    node.text += text;
    return true;
  }

  copy(from: string, to: string): boolean {
    const text = this.read(from);
    return text !== undefined && this.write(to, text);
  }

  truncate(path: string): void {
    const node = this.#find(path);
    if (node !== undefined && 'text' in node) node.text = '';
  }

  list(path: string): readonly string[] {
    const folder = this.#resolve(path);
    if (folder === undefined || this.#nodes.get(folder)?.kind !== 'directory') return [];
    return [...this.#nodes.keys()]
      .filter((candidate) => candidate !== '/' && directoryName(candidate) === folder)
      .map(baseName)
      .sort();
  }

  status(path: string): FileStatus | undefined {
    return describe(this.#find(path));
  }

  linkStatus(path: string): FileStatus | undefined {
    return describe(this.#nodes.get(this.#resolveParent(path)));
  }

  readLink(path: string): string | undefined {
    const node = this.#nodes.get(this.#resolveParent(path));
    return node?.kind === 'symlink' ? node.target : undefined;
  }

  makeFolder(path: string, mode = 0o755): boolean {
    const place = this.#resolveParent(path);
    const existing = this.#find(place);
    if (existing !== undefined) return existing.kind === 'directory';
    if (!this.makeFolder(directoryName(place))) return false;
    this.#nodes.set(place, { kind: 'directory', mode });
    return true;
  }

  makeLink(target: string, path: string): boolean {
    const place = this.#resolveParent(path);
    if (this.#nodes.has(place) || this.#nodes.get(directoryName(place))?.kind !== 'directory') return false;
    this.#nodes.set(place, { kind: 'symlink', target, mode: 0o777 });
    return true;
  }

  remove(path: string): void {
    const place = this.#resolveParent(path);
    if (this.#nodes.get(place)?.kind === 'directory' && this.list(place).length > 0) return;
    this.#nodes.delete(place);
  }

  rename(from: string, to: string): boolean {
    const node = this.#nodes.get(this.#resolveParent(from));
    if (node === undefined) return false;
    this.#nodes.delete(this.#resolveParent(from));
    this.#nodes.set(this.#resolveParent(to), node);
    return true;
  }

  watch(path: string, listener: (bytes: Uint8Array) => void): () => void {
    const listeners = this.#watchers.get(path) ?? new Set();
    listeners.add(listener);
    this.#watchers.set(path, listeners);
    return () => listeners.delete(listener);
  }

  #find(path: string): Node | undefined {
    const place = this.#resolve(path);
    return place === undefined ? undefined : this.#nodes.get(place);
  }

  /** The path with every symbolic link followed, or undefined if it leads nowhere. */
  #resolve(path: string, depth = 0): string | undefined {
    // Linux gives up after forty links (path_resolution(7)).
    if (depth > 40) return undefined;
    const place = this.#resolveParent(path, depth);
    const node = this.#nodes.get(place);
    if (node === undefined) return undefined;
    if (node.kind !== 'symlink') return place;
    const target = node.target.startsWith('/') ? node.target : joinPath(directoryName(place), node.target);
    return this.#resolve(target, depth + 1);
  }

  #resolveParent(path: string, depth = 0): string {
    const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    if (plain === '/' || plain === '') return '/';
    const parent = directoryName(plain);
    return joinPath(this.#resolve(parent, depth + 1) ?? parent, baseName(plain));
  }
}

function describe(node: Node | undefined): FileStatus | undefined {
  if (node === undefined) return undefined;
  return { kind: node.kind, mode: node.mode, sizeBytes: 'text' in node ? node.text.length : 0 };
}

interface LiveProcess {
  readonly command: readonly string[];
  readonly ended: (ending: Ending) => void;
  readonly line?: (line: string) => void;
}

export class MemoryProcesses implements Processes {
  readonly history: (readonly string[])[] = [];
  /** Signals sent, as `TERM 100`. */
  readonly signals: string[] = [];
  readonly ownPid = 2;
  readonly #script: CommandScript;
  readonly #system: MemorySystem;
  readonly #live = new Map<number, LiveProcess>();
  readonly #listeners = new Map<SignalName, () => void>();
  #nextPid = 100;

  constructor(script: CommandScript, system: MemorySystem) {
    this.#script = script;
    this.#system = system;
  }

  /** The pid of the latest live process whose command line holds the text. */
  pidOf(text: string): number {
    const found = [...this.#live].filter(([, live]) => live.command.join(' ').includes(text)).at(-1);
    return found?.[0] ?? -1;
  }

  /** Lets a followed process print a line. */
  say(text: string, line: string): void {
    this.#live.get(this.pidOf(text))?.line?.(line);
  }

  run(command: readonly string[], options: RunOptions = {}): Ending {
    return this.launch(command, options).wait();
  }

  launch(command: readonly string[], options: RunOptions = {}): LaunchedProcess {
    const { status } = this.#perform(command, options);
    return { wait: () => ({ kind: 'exited', status }) };
  }

  capture(
    command: readonly string[],
    options: Omit<RunOptions, 'stdout'> = {},
  ): { ending: Ending; output: string } {
    const { status, output } = this.#perform(command, options);
    return { ending: { kind: 'exited', status }, output: output ?? '' };
  }

  start(command: readonly string[], options: RunOptions, ended: (ending: Ending) => void): StartedProcess {
    this.#perform(command, options);
    const pid = this.#nextPid++;
    this.#live.set(pid, { command, ended });
    return { pid };
  }

  follow(
    command: readonly string[],
    options: { readonly line: (line: string) => void; readonly ended: (ending: Ending) => void },
  ): StartedProcess {
    const { output } = this.#perform(command, {});
    const pid = this.#nextPid++;
    this.#live.set(pid, { command, ended: options.ended, line: options.line });
    for (const line of (output ?? '').split('\n').slice(0, -1))
      this.#system.time.after(0, () => options.line(line));
    return { pid };
  }

  signal(pid: number, signal: SignalName | 0): boolean {
    if (signal !== 0) this.signals.push(`${signal} ${pid}`);
    return pid < 0 || this.#live.has(pid);
  }

  onSignal(signal: SignalName, listener: () => void): void {
    this.#listeners.set(signal, listener);
  }

  /** Sends this program itself a signal. */
  receive(signal: SignalName): void {
    this.#listeners.get(signal)?.();
  }

  adoptOrphans(): void {}

  exit(status: number): never {
    throw new ProgramExit(status);
  }

  end(pid: number, ending: Ending): void {
    const live = this.#live.get(pid);
    this.#live.delete(pid);
    live?.ended(ending);
  }

  #perform(command: readonly string[], options: RunOptions): { status: number; output?: string } {
    this.history.push(command);
    const result = this.#script(command, options, this.#system);
    if (typeof options.stdout === 'object' && result.output !== undefined) {
      this.#system.files.append(options.stdout.appendTo, result.output);
    }
    return result;
  }
}

/** Thrown by {@link MemoryProcesses.exit}, where a real program would be gone. */
export class ProgramExit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the program exited with status ${status}`);
    this.status = status;
  }
}

export class MemoryTime implements Time {
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly listener: () => void }[] = [];

  uptimeMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  pause(durationMs: number): void {
    this.advance(durationMs);
  }

  after(delayMs: number, listener: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, listener };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves the clock, running every timer at its own moment. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.listener();
    }
    this.#nowMs = endMs;
  }
}
