/**
 * A path of Linux as a string with one character for each byte (Latin-1): names need not be UTF-8, and what is decoded and
 * encoded again would be another name. Separators and ASCII are what they look like.
 */
export type BytePath = string;

export function toBytePath(text: string): BytePath {
  return Buffer.from(text).toString('latin1');
}

/** The path itself, for system calls. */
export function pathBytes(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1');
}

/** For people. */
export function readablePath(path: BytePath): string {
  return pathBytes(path).toString();
}
