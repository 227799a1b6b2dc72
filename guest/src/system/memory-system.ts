import { MemoryFiles } from './memory-files.ts';
import type {
  Ending,
  LaunchedProcess,
  Processes,
  RunOptions,
  SignalName,
  StartedProcess,
  System,
  Time,
} from './system.ts';

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
