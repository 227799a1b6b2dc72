/** QuickJS's `std`, as far as the synchronised copy's program uses it, on Node: it runs as a process of a test then. */
import * as fs from 'node:fs';

let rest: Buffer = Buffer.alloc(0);

/** Blocks, as read(2) does. @returns false at the end */
function fill(): boolean {
  const buffer = Buffer.alloc(65_536);
  for (;;) {
    try {
      const count = fs.readSync(0, buffer);
      rest = Buffer.concat([rest, buffer.subarray(0, count)]);
      return count > 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function take(count: number): Buffer {
  const piece = rest.subarray(0, count);
  rest = rest.subarray(piece.length);
  return piece;
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

const input = {
  getline(): string | null {
    for (;;) {
      const end = rest.indexOf(0x0a);
      if (end >= 0) return take(end + 1).toString('utf8', 0, end);
      if (!fill()) return null;
    }
  },
  read(buffer: ArrayBuffer, offset: number, length: number): number {
    while (rest.length < length) if (!fill()) break;
    const piece = take(length);
    new Uint8Array(buffer, offset, length).set(piece);
    return piece.length;
  },
};

export { input as in };

export const out = {
  puts: (text: string) => writeAll(Buffer.from(text)),
  write: (buffer: ArrayBuffer, offset: number, length: number) =>
    writeAll(new Uint8Array(buffer, offset, length)),
  flush: () => undefined,
};

export const exit = (status: number) => process.exit(status);

export function loadFile(path: string): string | null {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

export function open(path: string): { puts(text: string): void; close(): void } | null {
  const descriptor = fs.openSync(path, 'w');
  return { puts: (text) => fs.writeSync(descriptor, text), close: () => fs.closeSync(descriptor) };
}
