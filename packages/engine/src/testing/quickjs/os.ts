/** QuickJS's `os`, as far as the synchronised copy's program uses it, on Node: it runs as a process of a test then. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { constants } from 'node:os';

export const O_RDONLY: number = fs.constants.O_RDONLY;
export const O_WRONLY: number = fs.constants.O_WRONLY;
export const O_CREAT: number = fs.constants.O_CREAT;
export const O_TRUNC: number = fs.constants.O_TRUNC;

/** What the last program said on its standard output, where nobody reads it at once. */
const outputs = new Map<number, Buffer>();
let descriptors = 1_000_000;

function numbered<T>(work: () => T): T | number {
  try {
    return work();
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? -constants.errno.EIO;
  }
}

const done = (work: () => void): number =>
  numbered(() => {
    work();
    return 0;
  });

export const open = (path: string, flags: number, mode?: number) =>
  numbered(() => fs.openSync(path, flags, mode));
export const close = (descriptor: number) =>
  outputs.delete(descriptor) || descriptor >= 1_000_000 ? 0 : done(() => fs.closeSync(descriptor));
export const rename = (from: string, to: string) => done(() => fs.renameSync(from, to));
export const mkdir = (path: string, mode?: number) => done(() => fs.mkdirSync(path, { mode }));
export const symlink = (target: string, path: string) => done(() => fs.symlinkSync(target, path));
export const utimes = (path: string, accessed: number, modified: number) =>
  done(() => fs.utimesSync(path, accessed / 1000, modified / 1000));
export const remove = (path: string) =>
  done(() => (fs.lstatSync(path).isDirectory() ? fs.rmdirSync(path) : fs.unlinkSync(path)));
export const write = (descriptor: number, buffer: ArrayBuffer, offset: number, length: number) =>
  numbered(() => fs.writeSync(descriptor, new Uint8Array(buffer, offset, length)));

export function read(descriptor: number, buffer: ArrayBuffer, offset: number, length: number): number {
  const output = outputs.get(descriptor);
  if (output === undefined) {
    return numbered(() => fs.readSync(descriptor, new Uint8Array(buffer, offset, length)));
  }
  const piece = output.subarray(0, length);
  new Uint8Array(buffer, offset, length).set(piece);
  outputs.set(descriptor, output.subarray(piece.length));
  return piece.length;
}

export function readdir(path: string): [string[], number] {
  const names = numbered(() => ['.', '..', ...fs.readdirSync(path)]);
  return typeof names === 'number' ? [[], -names] : [names, 0];
}

export function readlink(path: string): [string, number] {
  const target = numbered(() => fs.readlinkSync(path));
  return typeof target === 'number' ? ['', -target] : [target, 0];
}

export function lstat(path: string): [object | null, number] {
  const status = numbered(() => fs.lstatSync(path));
  if (typeof status === 'number') return [null, -status];
  const { mode, size, ino, uid, gid, mtimeMs, ctimeMs } = status;
  return [{ mode, size, ino, uid, gid, mtime: Math.floor(mtimeMs), ctime: Math.floor(ctimeMs) }, 0];
}

export function pipe(): [number, number] {
  descriptors += 2;
  return [descriptors, descriptors + 1];
}

/** busybox's programs by the host's own of the same names. */
export function exec(
  [, program = '', ...words]: string[],
  options: { readonly stdout?: number } = {},
): number {
  const { stdout, status } = spawnSync(program, words, { stdio: ['ignore', 'pipe', 'ignore'] });
  if (options.stdout !== undefined) outputs.set(options.stdout - 1, stdout);
  return status ?? 1;
}

export const waitpid = (): [number, number] => [0, 0];
