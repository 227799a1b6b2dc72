import { Layout, roundUp } from '../bytes.ts';
import { diskError } from '../errors.ts';

/** Prefixes by index; names that are an index of their own keep an empty suffix. */
const PREFIXES: readonly (readonly [prefix: string, index: number])[] = [
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['user.', 1],
  ['trusted.', 4],
  ['security.', 6],
];
const NONE = new Uint8Array(0);
const HEAD_BYTES = 12;
const ENTRY_HEAD_BYTES = 4;
const MAX_NAME_BYTES = 255;
const MAX_VALUE_BYTES = 65535;
/** The inode counts units of four bytes, the head as one, in 16 bits. */
const MAX_BYTES = HEAD_BYTES + (65535 - 1) * 4;

/** The attributes as they stand behind an inode; empty without any. */
export function encodeXattrs(
  pathOf: () => string,
  xattrs: ReadonlyMap<string, Uint8Array> | undefined,
): Uint8Array {
  if (xattrs === undefined || xattrs.size === 0) return NONE;
  const attributes = [...xattrs]
    .map(([name, value]) => splitName(pathOf, name, value))
    .sort((a, b) => a.index - b.index || (a.suffix < b.suffix ? -1 : 1));
  const sizeBytes = attributes.reduce((sum, attribute) => sum + entryBytes(attribute), HEAD_BYTES);
  if (sizeBytes > MAX_BYTES || attributes.some(({ name, value }) => isTooLong(name, value))) {
    throw diskError(
      'disk.too-large',
      `the extended attributes of "/${pathOf()}" take ${sizeBytes} bytes; erofs holds ${MAX_BYTES}`,
    );
  }
  const layout = new Layout(sizeBytes);
  let at = HEAD_BYTES;
  for (const attribute of attributes) {
    const { index, name, value } = attribute;
    layout
      .u8(at, name.length)
      .u8(at + 1, index)
      .u16le(at + 2, value.length)
      .set(at + ENTRY_HEAD_BYTES, name)
      .set(at + ENTRY_HEAD_BYTES + name.length, value);
    at += entryBytes(attribute);
  }
  return layout.bytes;
}

/** What the inode says of so many bytes of attributes. */
export function xattrCount(sizeBytes: number): number {
  return sizeBytes === 0 ? 0 : (sizeBytes - HEAD_BYTES) / 4 + 1;
}

interface Attribute {
  readonly index: number;
  readonly suffix: string;
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

function splitName(pathOf: () => string, full: string, value: Uint8Array): Attribute {
  for (const [prefix, index] of PREFIXES) {
    if (!full.startsWith(prefix)) continue;
    const suffix = full.slice(prefix.length);
    return { index, suffix, name: new TextEncoder().encode(suffix), value };
  }
  throw diskError(
    'disk.unsupported-node',
    `extended attribute "${full}" of "/${pathOf()}" has no prefix that erofs knows`,
  );
}

function isTooLong(name: Uint8Array, value: Uint8Array): boolean {
  return name.length > MAX_NAME_BYTES || value.length > MAX_VALUE_BYTES;
}

function entryBytes({ name, value }: Attribute): number {
  return roundUp(ENTRY_HEAD_BYTES + name.length + value.length, 4);
}
