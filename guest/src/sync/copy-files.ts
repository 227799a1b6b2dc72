import { os } from '../system/quickjs.ts';
import type { Entry } from './messages.ts';

const typeMask = 0o170000;
const kinds: Readonly<Record<number, 'f' | 'd' | 'l'>> = { 32768: 'f', 16384: 'd', 40960: 'l' };
const permissions = 0o777;
/** O_NONBLOCK (asm-generic): a fifo that took a file's place must not hold the program up. */
const doNotWait = 0o4000;
/** EIO: for a write that says neither how much nor why not. */
const inputOutput = 5;

export const busybox = '/usr/bin/busybox';
export const chunkBytes = 65_536;

/** What is under a name now; a final link is not followed. */
export function entryOf(path: string, name: string): Entry | undefined {
  const [status, error] = os.lstat(path);
  if (status === null || error !== 0) return undefined;
  const kind = kinds[status.mode & typeMask] ?? 'x';
  const hint = `${status.ino}.${status.size}.${status.mtime}.${status.ctime}`;
  const entry = [name, kind, status.mode & permissions, status.size, hint, status.ctime] as const;
  return kind === 'l' ? [...entry, os.readlink(path)[0]] : entry;
}

/** The names in a folder, or undefined when it cannot be read. */
export function namesIn(path: string): string[] | undefined {
  const [names, error] = os.readdir(path);
  return error === 0 ? names.filter((name) => name !== '.' && name !== '..') : undefined;
}

/** Whether the file is as the hint says, as far as a rename leaves it (which may set the time of status change). */
export function isAs(path: string, hint: string | undefined, { renamed = false } = {}): boolean {
  const now = entryOf(path, '');
  if (hint === undefined || now === undefined) return hint === now;
  return renamed ? withoutStatusTime(now[4]) === withoutStatusTime(hint) : now[4] === hint;
}

export function openForReading(path: string): number {
  return os.open(path, os.O_RDONLY | doNotWait);
}

/** @returns 0, or an error's number */
export function writeAll(descriptor: number, buffer: ArrayBuffer, length: number): number {
  for (let at = 0; at < length; ) {
    const count = os.write(descriptor, buffer, at, length - at);
    if (count <= 0) return -count || inputOutput;
    at += count;
  }
  return 0;
}

/** Runs one of busybox's programs. @returns whether it succeeded */
export function runApplet(words: readonly string[]): boolean {
  return os.exec([busybox, ...words]) === 0;
}

/** The digests of files in their order, null where there is none; SHA-256 by a program, for there is none in QuickJS. */
export function digestsOf(paths: readonly string[]): (string | null)[] {
  const pipe = os.pipe();
  if (pipe === null) return paths.map(() => null);
  const [from, to] = pipe;
  // A word with a dash first is no option after `--`.
  const pid = os.exec([busybox, 'sha256sum', '--', ...paths], { block: false, stdout: to });
  os.close(to);
  const buffer = new ArrayBuffer(chunkBytes);
  let text = '';
  for (;;) {
    const count = os.read(from, buffer, 0, chunkBytes);
    if (count <= 0) break;
    text += String.fromCharCode(...new Uint8Array(buffer, 0, count));
  }
  os.close(from);
  os.waitpid(pid, 0);
  // What could not be read has no line; the rest come in order. The program's escape of odd names is a backslash before.
  const lines = text.split('\n');
  let at = 0;
  return paths.map((path) => {
    const line = lines[at] ?? '';
    const found = /^\\?([0-9a-f]{64}) [ *]/.exec(line);
    if (found === null || !asciiEndsWith(line, path)) return null;
    at++;
    return found[1] ?? null;
  });
}

/** The line is bytes, one a character, and may have backslashes doubled: the rest of ASCII is compared. */
function asciiEndsWith(line: string, path: string): boolean {
  const bare = (text: string) => text.replace(/[^ -~]|\\/g, '');
  return bare(line.slice(line.indexOf(' ') + 2)) === bare(path);
}

function withoutStatusTime(hint: string): string {
  return hint.slice(0, hint.lastIndexOf('.'));
}
