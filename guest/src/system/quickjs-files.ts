import { directoryName } from '../paths.ts';
import { os, std } from './quickjs.ts';
import type { FileKind, FileStatus, Files } from './system.ts';

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
export const readSizeBytes = 65_536;

/** Files of the real machine, through QuickJS. */
export class QuickJsFiles implements Files {
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
