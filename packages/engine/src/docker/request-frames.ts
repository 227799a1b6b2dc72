import { trimBlanks } from '@orlop/core';

/** The head of an HTTP/1 request, as far as it says where the request ends and what it asks for. */
export interface RequestHead {
  readonly kind: 'head';
  readonly method: string;
  /** Without its query, and without the version of Docker's API before it. */
  readonly path: string;
  readonly body: BodyLength;
  /** What follows is another protocol, if the server agrees: hijacked streams, HTTP/2 of builds. */
  readonly hijacks: boolean;
  /** The client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1). */
  readonly awaitsContinue: boolean;
}

export type BodyLength = { readonly kind: 'sized'; readonly bytes: number } | { readonly kind: 'chunked' };

/** These become raw streams even where an old client does not ask for an upgrade (Docker's API, "Attach to a container"). */
const HIJACKED = /^\/(?:containers\/[^/]+\/attach|exec\/[^/]+\/start|session|grpc)$/;

/** RFC 9110 §5.1: a token, and no white space before the colon; folded lines begin with it (RFC 9112 §5.2). */
const HEADER_NAME = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):/;

/** A head of which two readers may think differently where its request ends (RFC 9112 §6.3, §11.2). */
export interface AmbiguousHead {
  readonly kind: 'ambiguous';
  readonly reason: string;
}

const ambiguous = (reason: string): AmbiguousHead => ({ kind: 'ambiguous', reason });

/** @returns undefined for what is no HTTP/1 request, HTTP/2's preface for instance */
export function parseRequestHead(text: string): RequestHead | AmbiguousHead | undefined {
  const [requestLine = '', ...lines] = text.split('\r\n');
  const match = /^([A-Z]+) (\S+) HTTP\/1\.([01])$/.exec(requestLine);
  if (match === null) return undefined;
  const [, method = '', target = '', minor] = match;
  const path = target
    .replace(/^https?:\/\/[^/]*/, '')
    .replace(/\?.*$/s, '')
    .replace(/^\/v\d+\.\d+(?=\/)/, '');
  let length: string | undefined;
  let isChunked = false;
  let upgrade = false;
  let awaitsContinue = false;
  for (const line of lines) {
    if (line.includes('\n')) return ambiguous('a line ends without a carriage return');
    const [start, name] = HEADER_NAME.exec(line) ?? [];
    if (start === undefined || name === undefined) return ambiguous('a line of its head is no header');
    const value = trimBlanks(line.slice(start.length));
    switch (name.toLowerCase()) {
      case 'upgrade':
        upgrade = true;
        break;
      case 'expect':
        awaitsContinue = value.toLowerCase() === '100-continue';
        break;
      case 'transfer-encoding':
        if (isChunked || minor === '0' || value.toLowerCase() !== 'chunked')
          return ambiguous('its Transfer-Encoding is not "chunked" alone');
        isChunked = true;
        break;
      case 'content-length':
        if (!/^\d{1,15}$/.test(value)) return ambiguous('its Content-Length is no number');
        if (length !== undefined && length !== value) return ambiguous('it has two lengths');
        length = value;
    }
  }
  if (isChunked && length !== undefined) return ambiguous('it has a Content-Length and a Transfer-Encoding');
  const body: BodyLength = isChunked ? { kind: 'chunked' } : { kind: 'sized', bytes: Number(length ?? 0) };
  const hijacks = upgrade || HIJACKED.test(path);
  return { kind: 'head', method, path, body, hijacks, awaitsContinue };
}

/**
 * Whether the beginning of an answer says that what follows is another protocol: an upgrade, or a raw stream of Docker's for a
 * client that asked for none. dockerd writes such a head at once.
 */
export function isHijacked(answer: Buffer): boolean {
  const text = answer.toString('latin1', 0, MAX_LINE_BYTES);
  if (/^HTTP\/1\.1 1\d\d /.test(text)) return true;
  // A refusal of an attach has that type, too.
  return /^HTTP\/1\.1 200 /.test(text) && /^content-type: *application\/vnd\.docker\./im.test(text);
}

/** A request with another body in place of its own. @param head with its empty line */
export function withBody(head: Buffer, body: Buffer): Buffer[] {
  const lines = head.toString('latin1').trimEnd().split('\r\n');
  const kept = lines.filter((line) => !/^(?:content-length|transfer-encoding|trailer):/i.test(line));
  return [Buffer.from([...kept, `Content-Length: ${body.length}`, '', ''].join('\r\n'), 'latin1'), body];
}

/**
 * Where a head ends, with empty line and without. Servers take a line feed alone for the end of a line (RFC 9112 §2.2), so
 * it ends a head here as well.
 */
export function endOfHead(bytes: Buffer): { readonly lines: number; readonly length: number } | undefined {
  for (let feed = bytes.indexOf(LF); feed >= 0; feed = bytes.indexOf(LF, feed + 1)) {
    const lines = bytes[feed - 1] === CR ? feed - 1 : feed;
    if (bytes[feed + 1] === LF) return { lines, length: feed + 2 };
    if (bytes[feed + 1] === CR && bytes[feed + 2] === LF) return { lines, length: feed + 3 };
  }
  return undefined;
}

const LF = 0x0a;
const CR = 0x0d;

type ChunkedState = 'size' | 'data' | 'data-end' | 'trailer';

/** A chunk's size line or a trailer is never this long (RFC 9112 §7.1 lets a recipient set a limit). */
const MAX_LINE_BYTES = 16_384;

/** Finds the end of a chunked body (RFC 9112 §7.1), and what it holds where that is wanted. */
export class ChunkedBody {
  #state: ChunkedState = 'size';
  #line = '';
  #left = 0;
  readonly #content: Uint8Array[] | undefined;

  constructor({ keep }: { readonly keep: boolean }) {
    this.#content = keep ? [] : undefined;
  }

  /** The body without its framing; empty unless it was to be kept. */
  get content(): Buffer {
    return Buffer.concat(this.#content ?? []);
  }

  /** @returns how many of the bytes belong to the body and whether it ends with them; undefined when it is none */
  push(bytes: Uint8Array): { readonly taken: number; readonly ended: boolean } | undefined {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'data') {
        const part = bytes.subarray(at, at + this.#left);
        this.#content?.push(Uint8Array.from(part));
        at += part.length;
        this.#left -= part.length;
        if (this.#left === 0) this.#state = 'data-end';
        continue;
      }
      const byte = bytes[at] ?? 0;
      at += 1;
      if (byte !== 0x0a) {
        this.#line += String.fromCharCode(byte);
        if (this.#line.length > MAX_LINE_BYTES) return undefined;
        continue;
      }
      const line = this.#line.replace(/\r$/, '');
      this.#line = '';
      if (this.#state === 'data-end') {
        if (line !== '') return undefined;
        this.#state = 'size';
      } else if (this.#state === 'trailer') {
        if (line === '') return { taken: at, ended: true };
      } else {
        const size = /^([0-9a-f]{1,12})\s*(?:;.*)?$/i.exec(line);
        if (size === null) return undefined;
        this.#left = Number.parseInt(size[1] ?? '', 16);
        this.#state = this.#left === 0 ? 'trailer' : 'data';
      }
    }
    return { taken: at, ended: false };
  }
}
