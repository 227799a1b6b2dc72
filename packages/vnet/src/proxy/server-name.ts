import { readU16 } from '@orlop/wire';

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME_EXTENSION = 0;
const RECORD_HEADER_LEN = 5;

export type ServerName =
  | { readonly kind: 'name'; readonly name: string }
  /** The ClientHello is not whole yet. */
  | { readonly kind: 'more' }
  /** No TLS, or a client that does not say. */
  | { readonly kind: 'none' };

/** The server's name in a TLS ClientHello (RFC 8446 §4.1.2, RFC 6066 §3), of one record. */
export function parseServerName(bytes: Uint8Array): ServerName {
  if (bytes.length < RECORD_HEADER_LEN) return bytes.length > 0 && bytes[0] !== HANDSHAKE ? NONE : MORE;
  if (bytes[0] !== HANDSHAKE || bytes[1] !== 3) return NONE;
  const end = RECORD_HEADER_LEN + readU16(bytes, 3);
  if (bytes.length < end) return MORE;
  if (bytes[RECORD_HEADER_LEN] !== CLIENT_HELLO) return NONE;
  // Type and length of the handshake message, version, random.
  let at = RECORD_HEADER_LEN + 4 + 2 + 32;
  at += 1 + (bytes[at] ?? 0); // session identifier
  at += 2 + readU16(bytes, at); // cipher suites
  at += 1 + (bytes[at] ?? 0); // compression methods
  const extensionsEnd = Math.min(end, at + 2 + readU16(bytes, at));
  for (at += 2; at + 4 <= extensionsEnd; at += 4 + readU16(bytes, at + 2)) {
    if (readU16(bytes, at) !== SERVER_NAME_EXTENSION) continue;
    // List length, type 0 (host name), length, name.
    const length = readU16(bytes, at + 7);
    const nameAt = at + 9;
    if (bytes[at + 6] !== 0 || nameAt + length > extensionsEnd) return NONE;
    const name = Buffer.from(bytes.subarray(nameAt, nameAt + length)).toString('latin1');
    return /^[A-Za-z0-9._-]+$/.test(name) ? { kind: 'name', name } : NONE;
  }
  return NONE;
}

const NONE: ServerName = { kind: 'none' };
const MORE: ServerName = { kind: 'more' };
