/**
 * The part of QuickJS 2025-04-26's `std` and `os` modules that the guest uses, with its types
 * (https://bellard.org/quickjs/quickjs.html#Standard-library). `os` here is QuickJS's, not Node's: the name is the same,
 * so the two casts below are the one place where its face is asserted.
 */
// biome-ignore lint/style/useNodejsImportProtocol: QuickJS's own module, which has no `node:` name.
import * as untypedOs from 'os';
// @ts-expect-error: a module of QuickJS, unknown to the compiler.
import * as untypedStd from 'std';

export interface QuickJsFile {
  read(buffer: ArrayBuffer, position: number, length: number): number;
  write(buffer: ArrayBuffer, position: number, length: number): number;
  readAsString(maxSize?: number): string;
  getline(): string | null;
  puts(text: string): void;
  seek(offset: number, whence: number): number;
  tell(): number;
  flush(): void;
  close(): number;
  fileno(): number;
}

export interface QuickJsStd {
  open(path: string, flags: string, error?: { errno: number }): QuickJsFile | null;
  fdopen(descriptor: number, flags: string): QuickJsFile | null;
  loadFile(path: string): string | null;
  exit(status: number): never;
  getenviron(): Record<string, string>;
  readonly SEEK_SET: number;
  readonly SEEK_END: number;
  readonly in: QuickJsFile;
  readonly out: QuickJsFile;
  readonly err: QuickJsFile;
}

export interface QuickJsStatus {
  readonly mode: number;
  readonly size: number;
  readonly ino: number;
  readonly uid: number;
  readonly gid: number;
  /** Milliseconds since 1970, as `ctime`. */
  readonly mtime: number;
  readonly ctime: number;
}

export interface QuickJsExecOptions {
  readonly block?: boolean;
  readonly usePath?: boolean;
  readonly cwd?: string;
  readonly stdin?: number;
  readonly stdout?: number;
  readonly stderr?: number;
  readonly env?: Record<string, string>;
}

export interface QuickJsOs {
  open(path: string, flags: number, mode?: number): number;
  close(descriptor: number): number;
  read(descriptor: number, buffer: ArrayBuffer, offset: number, length: number): number;
  write(descriptor: number, buffer: ArrayBuffer, offset: number, length: number): number;
  remove(path: string): number;
  rename(from: string, to: string): number;
  readdir(path: string): [string[], number];
  mkdir(path: string, mode?: number): number;
  stat(path: string): [QuickJsStatus | null, number];
  lstat(path: string): [QuickJsStatus | null, number];
  symlink(target: string, path: string): number;
  /** Milliseconds since 1970; follows a final link. */
  utimes(path: string, accessed: number, modified: number): number;
  readlink(path: string): [string, number];
  setReadHandler(descriptor: number, handler: (() => void) | null): void;
  signal(signal: number, handler: (() => void) | null | undefined): void;
  kill(pid: number, signal: number): number;
  exec(command: readonly string[], options?: QuickJsExecOptions): number;
  waitpid(pid: number, options: number): [number, number];
  pipe(): [number, number] | null;
  sleep(delayMs: number): void;
  setTimeout(listener: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
  readonly O_RDONLY: number;
  readonly O_WRONLY: number;
  readonly O_RDWR: number;
  readonly O_APPEND: number;
  readonly O_CREAT: number;
  readonly O_TRUNC: number;
  readonly WNOHANG: number;
}

export const os = untypedOs as unknown as QuickJsOs;
export const std = untypedStd as unknown as QuickJsStd;

declare global {
  /** The script's path as it was called (its symbolic link's name included) and the arguments after it. */
  var scriptArgs: readonly string[];
}
