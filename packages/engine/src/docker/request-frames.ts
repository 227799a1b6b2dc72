/** The head of an HTTP/1 request, as far as it says where the request ends and what it asks for. */
export interface RequestHead {
  readonly method: string;
  /** Without its query, and without the version of Docker's API before it. */
  readonly path: string;
  readonly body: BodyLength;
  /** What follows is another protocol: hijacked streams, HTTP/2 of builds. */
  readonly hijacks: boolean;
}

export type BodyLength = { readonly kind: 'sized'; readonly bytes: number } | { readonly kind: 'chunked' };

/** These become raw streams even where an old client does not ask for an upgrade (Docker's API, "Attach to a container"). */
const HIJACKED = /^\/(?:containers\/[^/]+\/attach|exec\/[^/]+\/start|session|grpc)$/;

/** @returns undefined for what is no HTTP/1 request, HTTP/2's preface for instance */
export function parseRequestHead(text: string): RequestHead | undefined {
  const [requestLine = '', ...lines] = text.split('\r\n');
  const match = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/.exec(requestLine);
  if (match === null) return undefined;
  const [, method = '', target = ''] = match;
  const path = target
    .replace(/^https?:\/\/[^/]*/, '')
    .replace(/\?.*$/s, '')
    .replace(/^\/v\d+\.\d+(?=\/)/, '');
  let body: BodyLength = { kind: 'sized', bytes: 0 };
  let upgrade = false;
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'upgrade') upgrade = true;
    else if (name === 'transfer-encoding' && /(?:^|,)\s*chunked$/i.test(value)) body = { kind: 'chunked' };
    else if (name === 'content-length' && body.kind === 'sized') {
      if (!/^\d{1,15}$/.test(value)) return undefined;
      body = { kind: 'sized', bytes: Number(value) };
    }
  }
  return { method, path, body, hijacks: upgrade || HIJACKED.test(path) };
}

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
