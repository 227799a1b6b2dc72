import { copyBytes } from '../copy-bytes.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32, writeU16, writeU32 } from '../network-order.ts';
import {
  PROTOCOL_DESTINATION_OPTIONS,
  PROTOCOL_FRAGMENT,
  PROTOCOL_HOP_BY_HOP,
  PROTOCOL_ROUTING,
} from './protocol.ts';

/** The fragment header (RFC 8200 §4.5). */
export const IPV6_FRAGMENT_HEADER_LEN = 8;
/** More headers than this before the upper layer are refused: no honest sender nests so many. */
export const MAX_IPV6_EXTENSIONS = 8;

/** The fragment header's fields. */
export interface Ipv6FragmentFields {
  readonly kind: 'fragment';
  readonly identification: number;
  /** Where this fragment belongs in the fragmentable part, in bytes; a multiple of 8. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
}

/** Hop-by-hop options, destination options or a routing header, uninterpreted. */
export interface Ipv6OpaqueExtension {
  readonly kind: 'hop-by-hop' | 'destination-options' | 'routing';
  /** What follows the first two bytes: 8n + 6 bytes. */
  readonly data: Uint8Array;
}

export type Ipv6Extension = Ipv6FragmentFields | Ipv6OpaqueExtension;

export interface Ipv6ExtensionsFields {
  readonly extensions: readonly Ipv6Extension[];
  /** The upper-layer protocol, or after a non-first fragment the one the first fragment would have next. */
  readonly protocol: number;
}

/**
 * A cursor over the chain of extension headers, reused from packet to packet.
 * After `read` returned undefined, its properties describe that packet.
 */
export class Ipv6ExtensionsView {
  /** What the payload is. */
  protocol = 0;
  /** Where the upper-layer header (or the fragment's data) begins. */
  payloadOffset = 0;
  /** Where the fragment header is, or -1. */
  fragmentHeader = -1;
  /** Where the next-header byte that names `protocol` is, -1 if only the caller knows it. */
  nextHeaderOffset = -1;
  isFragment = false;
  moreFragments = false;
  fragmentOffset = 0;
  identification = 0;

  /** Walks from `offset`, where the header of type `nextHeader` begins. A fragment header ends the walk unless atomic. */
  read(
    bytes: Uint8Array,
    offset: number,
    of: { readonly nextHeader: number; readonly end: number },
  ): Malformed | undefined {
    const { end } = of;
    this.fragmentHeader = -1;
    this.nextHeaderOffset = -1;
    this.isFragment = false;
    this.moreFragments = false;
    this.fragmentOffset = 0;
    this.identification = 0;
    let [protocol, at] = [of.nextHeader, offset];
    for (let depth = 0; isExtension(protocol); depth++) {
      if (depth === MAX_IPV6_EXTENSIONS) return 'too-deep';
      if (end - at < 8) return 'truncated';
      if (protocol === PROTOCOL_HOP_BY_HOP && depth > 0) return 'bad-value'; // RFC 8200 §4.1: only first
      const length = extensionLength(bytes, at, protocol);
      if (length > end - at) return 'truncated';
      if (protocol === PROTOCOL_FRAGMENT) {
        if (this.fragmentHeader >= 0) return 'bad-value';
        this.#readFragment(bytes, at);
      }
      this.nextHeaderOffset = at;
      protocol = bytes[at];
      at += length;
      if (this.fragmentOffset > 0) break; // what follows is the middle of something
    }
    this.protocol = protocol;
    this.payloadOffset = at;
    return undefined;
  }

  #readFragment(bytes: Uint8Array, at: number): void {
    const field = readU16(bytes, at + 2);
    this.fragmentHeader = at;
    this.fragmentOffset = field & 0xfff8;
    this.moreFragments = (field & 1) !== 0;
    this.isFragment = (field & 0xfff9) !== 0;
    this.identification = readU32(bytes, at + 4);
  }
}

/** Whether a next-header value names an extension header that is walked over. */
export function isExtension(protocol: number): boolean {
  return (
    protocol === PROTOCOL_HOP_BY_HOP ||
    protocol === PROTOCOL_ROUTING ||
    protocol === PROTOCOL_FRAGMENT ||
    protocol === PROTOCOL_DESTINATION_OPTIONS
  );
}

/** The chain that begins at `offset` with a header of type `nextHeader`; data are copies. */
export function parseIpv6Extensions(
  bytes: Uint8Array,
  offset: number,
  of: { readonly nextHeader: number; readonly end: number },
): Ipv6ExtensionsFields | Malformed {
  const view = new Ipv6ExtensionsView();
  const malformed = view.read(bytes, offset, of);
  if (malformed !== undefined) return malformed;
  const extensions: Ipv6Extension[] = [];
  let [protocol, at] = [of.nextHeader, offset];
  while (at < view.payloadOffset) {
    const length = extensionLength(bytes, at, protocol);
    extensions.push(
      protocol === PROTOCOL_FRAGMENT
        ? {
            kind: 'fragment',
            identification: view.identification,
            fragmentOffset: view.fragmentOffset,
            moreFragments: view.moreFragments,
          }
        : { kind: opaqueKind(protocol), data: copyBytes(bytes, at + 2, at + length) },
    );
    protocol = bytes[at];
    at += length;
  }
  return { extensions, protocol: view.protocol };
}

/** The next-header value that names the first extension, or the protocol if there is none. */
export function firstNextHeader(fields: Ipv6ExtensionsFields): number {
  const [first] = fields.extensions;
  return first === undefined ? fields.protocol : protocolOf(first);
}

/** Bytes that {@link emitIpv6Extensions} writes. */
export function ipv6ExtensionsLength(fields: Ipv6ExtensionsFields): number {
  let length = 0;
  for (const extension of fields.extensions) {
    length += extension.kind === 'fragment' ? IPV6_FRAGMENT_HEADER_LEN : extension.data.length + 2;
  }
  return length;
}

/** Writes the chain and returns where the upper layer begins. */
export function emitIpv6Extensions(fields: Ipv6ExtensionsFields, into: Uint8Array, offset: number): number {
  let at = offset;
  for (const [index, extension] of fields.extensions.entries()) {
    const following = fields.extensions[index + 1];
    const nextHeader = following === undefined ? fields.protocol : protocolOf(following);
    if (extension.kind === 'fragment') at = emitIpv6Fragment({ ...extension, nextHeader }, into, at);
    else {
      into[at] = nextHeader;
      into[at + 1] = (extension.data.length + 2) / 8 - 1;
      into.set(extension.data, at + 2);
      at += 2 + extension.data.length;
    }
  }
  return at;
}

/** Writes one fragment header and returns where the fragment's data begin. */
export function emitIpv6Fragment(
  fields: Omit<Ipv6FragmentFields, 'kind'> & { readonly nextHeader: number },
  into: Uint8Array,
  offset: number,
): number {
  into[offset] = fields.nextHeader;
  into[offset + 1] = 0;
  writeU16(into, offset + 2, fields.fragmentOffset | (fields.moreFragments ? 1 : 0));
  writeU32(into, offset + 4, fields.identification);
  return offset + IPV6_FRAGMENT_HEADER_LEN;
}

function extensionLength(bytes: Uint8Array, at: number, protocol: number): number {
  return protocol === PROTOCOL_FRAGMENT ? IPV6_FRAGMENT_HEADER_LEN : 8 * (bytes[at + 1] + 1);
}

function opaqueKind(protocol: number): Ipv6OpaqueExtension['kind'] {
  if (protocol === PROTOCOL_HOP_BY_HOP) return 'hop-by-hop';
  return protocol === PROTOCOL_ROUTING ? 'routing' : 'destination-options';
}

function protocolOf(extension: Ipv6Extension): number {
  switch (extension.kind) {
    case 'fragment':
      return PROTOCOL_FRAGMENT;
    case 'hop-by-hop':
      return PROTOCOL_HOP_BY_HOP;
    case 'routing':
      return PROTOCOL_ROUTING;
    case 'destination-options':
      return PROTOCOL_DESTINATION_OPTIONS;
  }
}
