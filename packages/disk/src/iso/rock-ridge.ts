import { Layout } from '../bytes.ts';
import { diskError } from '../errors.ts';
import { fileKind } from '../ext4/constants.ts';
import type { TreeNode } from '../tree.ts';
import { both32, bytesOfBoth32, shortDate } from './fields.ts';

/** One System Use entry (IEEE P1281, 5.1). */
export type SystemUseEntry = Uint8Array;

const NAME_PART = 250;
/** What Linux looks up. */
const MAX_NAME_BYTES = 255;
const FLAG_CONTINUE = 1;

function entry(signature: string, payload: Uint8Array, version = 1): SystemUseEntry {
  return new Layout(4 + payload.length)
    .text(0, signature)
    .u8(2, 4 + payload.length)
    .u8(3, version)
    .set(4, payload).bytes;
}

/** IEEE P1282 (Rock Ridge 1.12): mode, links, owner, times, name, target, device. */
export function rockRidgeEntries(
  node: TreeNode,
  name: string | undefined,
  context: { readonly links: number; readonly serial: number },
): SystemUseEntry[] {
  const entries = [encodePosix(node, context), encodeTimes(node.mtime)];
  if (name !== undefined) entries.push(...encodeNameParts(name));
  if (node.type === 'symlink') entries.push(...encodeTarget(node.target));
  if (node.type === 'char' || node.type === 'block') {
    // Readers differ: Linux takes the words as major and minor unless the first is zero, libisofs as the halves
    // of a dev_t. Small numbers can be said so that both read the same.
    const small = node.major > 0 && node.major < 256 && node.minor < 256;
    const payload = new Uint8Array(16);
    payload.set(bytesOfBoth32(small ? 0 : node.major), 0);
    payload.set(bytesOfBoth32(small ? (node.major << 8) | node.minor : node.minor), 8);
    entries.push(entry('PN', payload));
  }
  return entries;
}

/** What the root's own record begins with: SUSP is in use, and which extension it carries. */
export function systemUseHead(): SystemUseEntry {
  return entry('SP', Uint8Array.of(0xbe, 0xef, 0));
}

export function extensionReference(): SystemUseEntry {
  const [id, text, source] = [
    'IEEE_P1282',
    'THE IEEE P1282 PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS',
    'PLEASE CONTACT THE IEEE STANDARDS DEPARTMENT, PISCATAWAY, NJ, USA FOR THE P1282 SPECIFICATION.',
  ];
  const payload = new Layout(4 + id.length + text.length + source.length)
    .u8(0, id.length)
    .u8(1, text.length)
    .u8(2, source.length)
    .u8(3, 1);
  return entry('ER', payload.text(4, id + text + source).bytes);
}

export const CONTINUATION_BYTES = 28;

/** Says where further entries lie. */
export function continuation(sector: number, offset: number, length: number): SystemUseEntry {
  const layout = new Layout(24);
  both32(layout, 0, sector);
  both32(layout, 8, offset);
  both32(layout, 16, length);
  return entry('CE', layout.bytes);
}

function encodePosix(node: TreeNode, { links, serial }: { links: number; serial: number }): SystemUseEntry {
  const layout = new Layout(40);
  [fileKind[node.type].mode | node.mode, links, node.uid, node.gid, serial].forEach((value, i) => {
    both32(layout, i * 8, value);
  });
  return entry('PX', layout.bytes);
}

function encodeTimes(mtime: number): SystemUseEntry {
  const date = shortDate(mtime);
  // Modification, access and attribute change.
  const layout = new Layout(22).u8(0, 0x0e);
  for (let i = 0; i < 3; i++) layout.set(1 + i * 7, date);
  return entry('TF', layout.bytes);
}

function encodeNameParts(name: string): SystemUseEntry[] {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length > MAX_NAME_BYTES)
    throw diskError('disk.bad-name', `the name "${name}" is longer than ${MAX_NAME_BYTES} bytes`);
  const entries: SystemUseEntry[] = [];
  for (let at = 0; at < bytes.length; at += NAME_PART) {
    const more = at + NAME_PART < bytes.length;
    entries.push(entry('NM', Uint8Array.of(more ? FLAG_CONTINUE : 0, ...bytes.subarray(at, at + NAME_PART))));
  }
  return entries;
}

/** A target's components, over as many entries as they need. */
function encodeTarget(target: string): SystemUseEntry[] {
  const components: Uint8Array[] = [];
  const parts = target.split('/');
  if (target.startsWith('/')) components.push(Uint8Array.of(8, 0));
  for (const part of parts) {
    if (part === '') continue;
    if (part === '.') components.push(Uint8Array.of(2, 0));
    else if (part === '..') components.push(Uint8Array.of(4, 0));
    else {
      const bytes = new TextEncoder().encode(part);
      for (let at = 0; at < bytes.length; at += NAME_PART - 2) {
        const piece = bytes.subarray(at, at + NAME_PART - 2);
        components.push(
          Uint8Array.of(at + piece.length < bytes.length ? FLAG_CONTINUE : 0, piece.length, ...piece),
        );
      }
    }
  }
  const groups: Uint8Array[][] = [[]];
  let length = 0;
  for (const component of components) {
    if (length + component.length > NAME_PART) {
      groups.push([]);
      length = 0;
    }
    groups[groups.length - 1]?.push(component);
    length += component.length;
  }
  return groups.map((group, i) =>
    entry(
      'SL',
      Uint8Array.of(i < groups.length - 1 ? FLAG_CONTINUE : 0, ...group.flatMap((part) => [...part])),
    ),
  );
}
