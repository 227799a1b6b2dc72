/**
 * What a guest program may ask of the machine it runs in: files, processes, time and signals. One implementation
 * stands on QuickJS's `std` and `os` (quickjs-system.ts), one lives in memory (memory-system.ts); both pass
 * system.compliance.ts.
 *
 * Everything that answers at once is synchronous: QuickJS has no other way to wait for a child, and init has
 * nothing else to do meanwhile. What takes long (services, health commands) is started and reports by a callback.
 */
export interface System {
  readonly files: Files;
  readonly processes: Processes;
  readonly time: Time;
}

export type FileKind =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'fifo'
  | 'socket';

export interface FileStatus {
  readonly kind: FileKind;
  /** Permission bits only, `0o755`. */
  readonly mode: number;
  readonly sizeBytes: number;
}

/** Where a process's output goes. `inherit` is the default: it shares its parent's. */
export type Output = 'inherit' | 'null' | { readonly appendTo: string };

/** Standard error may also go where standard output goes. */
export type ErrorOutput = Output | 'with-stdout';

export interface RunOptions {
  /** @default 'inherit' */
  readonly stdout?: Output;
  /** @default 'inherit' */
  readonly stderr?: ErrorOutput;
  /** @default the caller's folder */
  readonly workingFolder?: string;
  /** Added to the caller's environment. @default {} */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a process ended. A process that could not be started at all ends with `{kind: 'exited', status: 127}`. */
export type Ending =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'killed'; readonly signal: number };

/** A command on its way, whose end can be waited for. */
export interface LaunchedProcess {
  wait(): Ending;
}

export interface StartedProcess {
  readonly pid: number;
}

export interface Files {
  /** The whole text, or undefined if the file is not there or cannot be read. */
  read(path: string): string | undefined;
  /** At most the last `maxBytes` of a file, as text; empty if it cannot be read. */
  readEnd(path: string, maxBytes: number): string;
  /** Replaces the file in one step: a reader sees the old text or the new one, never a part. Makes no folders. */
  write(path: string, text: string, options?: { readonly mode?: number }): boolean;
  /** Writes into the file as it stands, for devices, /proc and /sys. False if the kernel refused. */
  writeInPlace(path: string, text: string): boolean;
  append(path: string, text: string): boolean;
  /** Copies a file's bytes to a new file. False if the source cannot be read. */
  copy(from: string, to: string): boolean;
  /** Cuts a file to nothing without replacing it, so that writers in append mode go on at its start. */
  truncate(path: string): void;
  /** Names in a folder in the order of their bytes, without `.` and `..`; empty if it cannot be read. */
  list(path: string): readonly string[];
  /** Follows a final symbolic link. */
  status(path: string): FileStatus | undefined;
  /** Does not follow a final symbolic link. */
  linkStatus(path: string): FileStatus | undefined;
  readLink(path: string): string | undefined;
  /** Makes the folder and its parents; an existing one keeps its mode. @default mode 0o755 */
  makeFolder(path: string, mode?: number): boolean;
  makeLink(target: string, path: string): boolean;
  /** Removes a file, a link or an empty folder; nothing happens if there is none. */
  remove(path: string): void;
  rename(from: string, to: string): boolean;
  /** Calls back with every piece that a device or fifo delivers, until the returned function is called. */
  watch(path: string, listener: (bytes: Uint8Array) => void): () => void;
}

export interface Processes {
  /** Runs a command to its end. `command[0]` is an absolute path. */
  run(command: readonly string[], options?: RunOptions): Ending;
  /** Starts a command and goes on; the caller must `wait()` for it, once. */
  launch(command: readonly string[], options?: RunOptions): LaunchedProcess;
  /** As {@link run}, with the command's standard output as text. */
  capture(
    command: readonly string[],
    options?: Omit<RunOptions, 'stdout'>,
  ): { ending: Ending; output: string };
  /** Starts a command and calls back once when it has ended, never before this call has returned. */
  start(command: readonly string[], options: RunOptions, ended: (ending: Ending) => void): StartedProcess;
  /** Starts a command whose output comes back line by line, and calls back once when it has ended. */
  follow(
    command: readonly string[],
    options: { readonly line: (line: string) => void; readonly ended: (ending: Ending) => void },
  ): StartedProcess;
  /** False if there is no such process. Signal 0 only asks; pid -1 means every process but this and the first. */
  signal(pid: number, signal: SignalName | 0): boolean;
  /** Calls back whenever this process gets the signal, in place of the signal's usual effect. */
  onSignal(signal: SignalName, listener: () => void): void;
  /** As the first process of a container: also collect the children that others left behind. */
  adoptOrphans(): void;
  readonly ownPid: number;
  exit(status: number): never;
}

export type SignalName = 'TERM' | 'KILL' | 'INT' | 'HUP' | 'USR1' | 'USR2';

export interface Time {
  /** Milliseconds since the kernel started; never goes back. */
  uptimeMs(): number;
  /** Wall clock in milliseconds since 1970. */
  wallMs(): number;
  /** Blocks this process. Only for programs that have nothing else to do. */
  pause(durationMs: number): void;
  /** Calls back once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, listener: () => void): () => void;
}

/** The exit status that a shell would show: 128 and the signal's number for a killed process. */
export function exitStatusOf(ending: Ending): number {
  return ending.kind === 'exited' ? ending.status : 128 + ending.signal;
}

/** Whether a process ended of itself, with status 0. */
export function succeeded(ending: Ending): boolean {
  return ending.kind === 'exited' && ending.status === 0;
}
