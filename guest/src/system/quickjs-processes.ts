import { LineSplitter } from './line-splitter.ts';
import { os, type QuickJsExecOptions, std } from './quickjs.ts';
import { readSizeBytes } from './quickjs-files.ts';
import type {
  Ending,
  LaunchedProcess,
  Output,
  Processes,
  RunOptions,
  SignalName,
  StartedProcess,
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

/** Processes of the real machine, through QuickJS. */
export class QuickJsProcesses implements Processes {
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

/** Of a file of /proc; 0 before /proc is mounted. */
export function readFirstWord(path: string): string {
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

/** UTF-8 by hand: QuickJS has no TextDecoder. */
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
