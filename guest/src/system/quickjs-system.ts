import { directoryName } from '../paths.ts';
import { LineSplitter } from './line-splitter.ts';
import { os, type QuickJsExecOptions, std } from './quickjs.ts';
import type {
  Ending,
  FileKind,
  FileStatus,
  Files,
  LaunchedProcess,
  Output,
  Processes,
  RunOptions,
  SignalName,
  StartedProcess,
  System,
  Time,
} from './system.ts';

/** Linux's numbers (asm-generic/signal.h), the same on amd64, arm64 and riscv64. */
const signalNumbers: Readonly<Record<SignalName, number>> = {
  HUP: 1,
  INT: 2,
  KILL: 9,
  USR1: 10,
  USR2: 12,
  TERM: 15,
};
const SIGCHLD = 17;

/** S_IFMT and its values (inode(7)). */
const fileTypeMask = 0o170000;
const fileKinds: Readonly<Record<number, FileKind>> = {
  32768: 'file',
  16384: 'directory',
  40960: 'symlink',
  8192: 'character-device',
  24576: 'block-device',
  4096: 'fifo',
  49152: 'socket',
};

/** One read from a pipe or device: a pipe's whole capacity on Linux. */
const readSizeBytes = 65_536;

/** The real machine, through QuickJS. */
export function quickJsSystem(): System {
  return { files: new QuickJsFiles(), processes: new QuickJsProcesses(), time: quickJsTime };
}

class QuickJsFiles implements Files {
  read(path: string): string | undefined {
    // Not std.loadFile: it asks for the size first, and files of /proc and pipes have none.
    const file = std.open(path, 'rb');
    if (file === null) return undefined;
    const text = file.readAsString();
    file.close();
    return text;
  }

  readEnd(path: string, maxBytes: number): string {
    const file = std.open(path, 'rb');
    if (file === null) return '';
    file.seek(0, std.SEEK_END);
    const size = file.tell();
    file.seek(Math.max(0, size - maxBytes), std.SEEK_SET);
    const text = file.readAsString();
    file.close();
    return text;
  }

  write(path: string, text: string, options: { readonly mode?: number } = {}): boolean {
    // QuickJS cannot change a file's mode, so the temporary file gets its own when it is made.
    const temporary = `${path}.new`;
    os.remove(temporary);
    const descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, options.mode ?? 0o644);
    if (descriptor < 0) return false;
    const whole = writeAll(descriptor, encodeText(text));
    os.close(descriptor);
    if (whole && os.rename(temporary, path) === 0) return true;
    os.remove(temporary);
    return false;
  }

  writeInPlace(path: string, text: string): boolean {
    const descriptor = os.open(path, os.O_WRONLY);
    if (descriptor < 0) return false;
    const whole = writeAll(descriptor, encodeText(text));
    os.close(descriptor);
    return whole;
  }

  append(path: string, text: string): boolean {
    const descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644);
    if (descriptor < 0) return false;
    const whole = writeAll(descriptor, encodeText(text));
    os.close(descriptor);
    return whole;
  }

  copy(from: string, to: string): boolean {
    const source = os.open(from, os.O_RDONLY);
    if (source < 0) return false;
    const target = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644);
    let whole = target >= 0;
    const buffer = new ArrayBuffer(readSizeBytes);
    while (whole) {
      const count = os.read(source, buffer, 0, readSizeBytes);
      if (count <= 0) {
        whole = count === 0;
        break;
      }
      whole = writeAll(target, new Uint8Array(buffer, 0, count));
    }
    os.close(source);
    if (target >= 0) os.close(target);
    return whole;
  }

  truncate(path: string): void {
    const descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC);
    if (descriptor >= 0) os.close(descriptor);
  }

  list(path: string): readonly string[] {
    const [names, error] = os.readdir(path);
    if (error !== 0) return [];
    return names.filter((name) => name !== '.' && name !== '..').sort();
  }

  status(path: string): FileStatus | undefined {
    return fileStatus(os.stat(path));
  }

  linkStatus(path: string): FileStatus | undefined {
    return fileStatus(os.lstat(path));
  }

  readLink(path: string): string | undefined {
    const [target, error] = os.readlink(path);
    return error === 0 ? target : undefined;
  }

  makeFolder(path: string, mode = 0o755): boolean {
    if (path === '/' || path === '') return true;
    if (os.mkdir(path, mode) === 0 || this.status(path)?.kind === 'directory') return true;
    return this.makeFolder(directoryName(path), 0o755) && os.mkdir(path, mode) === 0;
  }

  makeLink(target: string, path: string): boolean {
    return os.symlink(target, path) === 0;
  }

  remove(path: string): void {
    os.remove(path);
  }

  rename(from: string, to: string): boolean {
    return os.rename(from, to) === 0;
  }

  watch(path: string, listener: (bytes: Uint8Array) => void): () => void {
    // A fifo is opened for both ways: so the open does not wait for a writer, and the last writer's leaving is no end.
    const flags = this.status(path)?.kind === 'fifo' ? os.O_RDWR : os.O_RDONLY;
    const descriptor = os.open(path, flags);
    if (descriptor < 0) return () => {};
    const stop = (): void => {
      os.setReadHandler(descriptor, null);
      os.close(descriptor);
    };
    const buffer = new ArrayBuffer(readSizeBytes);
    os.setReadHandler(descriptor, () => {
      const count = os.read(descriptor, buffer, 0, readSizeBytes);
      if (count > 0) listener(new Uint8Array(buffer.slice(0, count)));
      else stop();
    });
    return stop;
  }
}

class QuickJsProcesses implements Processes {
  readonly #children = new Map<number, (ending: Ending) => void>();
  #watchesChildren = false;
  #adoptsOrphans = false;

  get ownPid(): number {
    return Number(readFirstWord('/proc/self/stat'));
  }

  run(command: readonly string[], options: RunOptions = {}): Ending {
    return this.launch(command, options).wait();
  }

  launch(command: readonly string[], options: RunOptions = {}): LaunchedProcess {
    const pid = spawn(command, options);
    return { wait: () => (pid < 0 ? { kind: 'exited', status: 127 } : waitFor(pid)) };
  }

  capture(
    command: readonly string[],
    options: Omit<RunOptions, 'stdout'> = {},
  ): { ending: Ending; output: string } {
    const pipe = os.pipe();
    if (pipe === null) return { ending: { kind: 'exited', status: 127 }, output: '' };
    const [readEnd, writeEnd] = pipe;
    const pid = spawn(command, options, writeEnd);
    os.close(writeEnd);
    const reader = std.fdopen(readEnd, 'r');
    const output = reader?.readAsString() ?? '';
    reader?.close();
    return { ending: pid < 0 ? { kind: 'exited', status: 127 } : waitFor(pid), output };
  }

  start(command: readonly string[], options: RunOptions, ended: (ending: Ending) => void): StartedProcess {
    return this.#watchChild(spawn(command, options), ended);
  }

  follow(
    command: readonly string[],
    options: { readonly line: (line: string) => void; readonly ended: (ending: Ending) => void },
  ): StartedProcess {
    const pipe = os.pipe();
    if (pipe === null) return this.#watchChild(-1, options.ended);
    const [readEnd, writeEnd] = pipe;
    const pid = spawn(command, { stderr: 'null' }, writeEnd);
    os.close(writeEnd);
    const splitter = new LineSplitter(options.line);
    const buffer = new ArrayBuffer(readSizeBytes);
    os.setReadHandler(readEnd, () => {
      const count = os.read(readEnd, buffer, 0, readSizeBytes);
      if (count > 0) {
        splitter.push(decodeText(new Uint8Array(buffer, 0, count)));
      } else {
        os.setReadHandler(readEnd, null);
        os.close(readEnd);
      }
    });
    return this.#watchChild(pid, options.ended);
  }

  signal(pid: number, signal: SignalName | 0): boolean {
    return os.kill(pid, signal === 0 ? 0 : signalNumbers[signal]) === 0;
  }

  onSignal(signal: SignalName, listener: () => void): void {
    os.signal(signalNumbers[signal], listener);
  }

  adoptOrphans(): void {
    this.#adoptsOrphans = true;
    this.#listenForChildren();
  }

  exit(status: number): never {
    return std.exit(status);
  }

  #watchChild(pid: number, ended: (ending: Ending) => void): StartedProcess {
    if (pid < 0) {
      os.setTimeout(() => ended({ kind: 'exited', status: 127 }), 0);
      return { pid: -1 };
    }
    this.#listenForChildren();
    this.#children.set(pid, ended);
    // It may have ended before its place in the table was taken.
    os.setTimeout(() => this.#collect(), 0);
    return { pid };
  }

  #listenForChildren(): void {
    if (this.#watchesChildren) return;
    this.#watchesChildren = true;
    os.signal(SIGCHLD, () => this.#collect());
  }

  /** Signals are not counted, so each looks at every child. Only own children, unless orphans are ours as well. */
  #collect(): void {
    if (this.#adoptsOrphans) {
      for (;;) {
        const [pid, status] = os.waitpid(-1, os.WNOHANG);
        if (pid <= 0) return;
        this.#reportEnd(pid, status);
      }
    }
    for (const child of [...this.#children.keys()]) {
      const [pid, status] = os.waitpid(child, os.WNOHANG);
      if (pid !== 0) this.#reportEnd(child, pid > 0 ? status : 0);
    }
  }

  #reportEnd(pid: number, status: number): void {
    const ended = this.#children.get(pid);
    this.#children.delete(pid);
    ended?.(endingOf(status));
  }
}

const quickJsTime: Time = {
  uptimeMs: () => Math.round(Number(readFirstWord('/proc/uptime')) * 1000),
  wallMs: () => Date.now(),
  pause: (durationMs) => os.sleep(durationMs),
  after: (delayMs, listener) => {
    const handle = os.setTimeout(listener, Math.max(0, delayMs));
    return () => os.clearTimeout(handle);
  },
};

/** Of a file of /proc; 0 before /proc is mounted. */
function readFirstWord(path: string): string {
  const file = std.open(path, 'r');
  if (file === null) return '0';
  const line = file.getline() ?? '0';
  file.close();
  return line.split(' ', 1)[0] ?? '0';
}

/** @returns the child's pid, or a negative number if it could not be made */
function spawn(command: readonly string[], options: RunOptions, stdout?: number): number {
  const opened: number[] = [];
  const toDescriptor = (output: Output | undefined): number | undefined => {
    if (output === undefined || output === 'inherit') return undefined;
    const descriptor =
      output === 'null'
        ? os.open('/dev/null', os.O_WRONLY)
        : os.open(output.appendTo, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640);
    if (descriptor < 0) return undefined;
    opened.push(descriptor);
    return descriptor;
  };
  const stdin = os.open('/dev/null', os.O_RDONLY);
  if (stdin >= 0) opened.push(stdin);
  const out = stdout ?? toDescriptor(options.stdout);
  const error = options.stderr === 'with-stdout' ? out : toDescriptor(options.stderr);
  const execOptions: QuickJsExecOptions = {
    block: false,
    usePath: false,
    ...(stdin < 0 ? {} : { stdin }),
    ...(out === undefined ? {} : { stdout: out }),
    ...(error === undefined ? {} : { stderr: error }),
    ...(options.workingFolder === undefined ? {} : { cwd: options.workingFolder }),
    ...(options.environment === undefined ? {} : { env: { ...std.getenviron(), ...options.environment } }),
  };
  try {
    return os.exec(command, execOptions);
  } catch {
    // os.exec throws when fork fails; the caller sees it as a command that could not be started.
    return -1;
  } finally {
    for (const descriptor of opened) os.close(descriptor);
  }
}

function waitFor(pid: number): Ending {
  for (;;) {
    const [waited, status] = os.waitpid(pid, 0);
    if (waited === pid) return endingOf(status);
    // -EINTR: a signal came in between.
    if (waited !== -4) return { kind: 'exited', status: 127 };
  }
}

/** wait(2): the low seven bits are the signal, the next byte the exit status. */
function endingOf(status: number): Ending {
  const signal = status & 0x7f;
  return signal === 0 ? { kind: 'exited', status: (status >> 8) & 0xff } : { kind: 'killed', signal };
}

function fileStatus([status, error]: [{ mode: number; size: number } | null, number]):
  | FileStatus
  | undefined {
  if (error !== 0 || status === null) return undefined;
  return {
    kind: fileKinds[status.mode & fileTypeMask] ?? 'file',
    mode: status.mode & 0o7777,
    sizeBytes: status.size,
  };
}

function writeAll(descriptor: number, bytes: Uint8Array): boolean {
  const buffer = bytes.buffer as ArrayBuffer;
  let done = 0;
  // A file of /proc or /sys takes its text in one write, so an empty text is one write too.
  do {
    const count = os.write(descriptor, buffer, bytes.byteOffset + done, bytes.length - done);
    if (count < 0 || (count === 0 && bytes.length > 0)) return false;
    done += count;
  } while (done < bytes.length);
  return true;
}

/** UTF-8 by hand: QuickJS has no TextEncoder. */
function encodeText(text: string): Uint8Array {
  const escaped = unescape(encodeURIComponent(text));
  return Uint8Array.from(escaped, (character) => character.charCodeAt(0));
}

function decodeText(bytes: Uint8Array): string {
  let escaped = '';
  for (const byte of bytes) escaped += String.fromCharCode(byte);
  try {
    return decodeURIComponent(escape(escaped));
  } catch {
    // Not UTF-8: each byte stands for itself.
    return escaped;
  }
}
