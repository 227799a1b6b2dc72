import { compareBytes, Layout, roundUp } from '../bytes.ts';
import { diskError } from '../errors.ts';
import { LINUX_PREFIXES, type SplitXattr, splitXattr } from '../xattr-names.ts';

const NONE = new Uint8Array(0);
const HEAD_BYTES = 12;
const ENTRY_HEAD_BYTES = 4;
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
    .map(([name, value]) =>
      splitXattr({ fileSystem: 'erofs', prefixes: LINUX_PREFIXES, pathOf }, name, value),
    )
    .sort((a, b) => a.index - b.index || compareBytes(a.name, b.name));
  const sizeBytes = attributes.reduce((sum, attribute) => sum + entryBytes(attribute), HEAD_BYTES);
  if (sizeBytes > MAX_BYTES || attributes.some(({ value }) => value.length > MAX_VALUE_BYTES)) {
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

function entryBytes({ name, value }: SplitXattr): number {
  return roundUp(ENTRY_HEAD_BYTES + name.length + value.length, 4);
}
