import { encodeName } from '@orlop/core';
import { diskError } from '../errors.ts';
import { fileKind } from '../ext4/constants.ts';
import { encodeTarget } from '../symlink-target.ts';
import type { TreeNode } from '../tree.ts';
import { putBoth32, type ShortDates } from './fields.ts';

const NAME_PART = 250;
/** What Linux looks up. */
const MAX_NAME_BYTES = 255;
const FLAG_CONTINUE = 1;
const HEAD_BYTES = 4;
const DATE_BYTES = 7;

/** Bytes of the entry that says where further entries lie. */
export const CONTINUATION_BYTES = 28;

/**
 * The System Use entries (IEEE P1281, 5.1) of one directory record after another, in one buffer: {@link clear} begins
 * the next record's. Rock Ridge is IEEE P1282 (1.12).
 */
export class SystemUse {
  /** All entries, one behind the other; valid until the next addition. */
  bytes = new Uint8Array(1024);
  /** Where each entry ends. */
  readonly ends: number[] = [];
  length = 0;
  readonly #dates: ShortDates;

  constructor(dates: ShortDates) {
    this.#dates = dates;
  }

  clear(): void {
    this.length = 0;
    this.ends.length = 0;
  }

  /** What the root's own record begins with: SUSP is in use. */
  addIndicator(): void {
    const at = this.#begin(0x53, 0x50, 3);
    this.bytes[at] = 0xbe;
    this.bytes[at + 1] = 0xef;
    this.bytes[at + 2] = 0;
  }

  /** Mode, links, owner, times, name, target, device. @param name absent for `.` and `..` */
  addNode(
    node: TreeNode,
    name: string | undefined,
    { links, serial }: { readonly links: number; readonly serial: number },
  ): void {
    const at = this.#begin(0x50, 0x58, 40);
    const { bytes } = this;
    putBoth32(bytes, at, fileKind[node.type].mode | node.mode);
    putBoth32(bytes, at + 8, links);
    putBoth32(bytes, at + 16, node.uid);
    putBoth32(bytes, at + 24, node.gid);
    putBoth32(bytes, at + 32, serial);
    this.#addTimes(node.mtime);
    if (name !== undefined) this.#addName(name);
    if (node.type === 'symlink') this.#addTarget(name ?? '', node.target);
    if (node.type === 'char' || node.type === 'block') this.#addDevice(node);
  }

  /** Which extension the entries are of. */
  addExtensionReference(): void {
    const [id, text, source] = [
      'IEEE_P1282',
      'THE IEEE P1282 PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS',
      'PLEASE CONTACT THE IEEE STANDARDS DEPARTMENT, PISCATAWAY, NJ, USA FOR THE P1282 SPECIFICATION.',
    ];
    const at = this.#begin(0x45, 0x52, 4 + id.length + text.length + source.length);
    this.bytes.set([id.length, text.length, source.length, 1], at);
    this.bytes.set(encodeName(id + text + source), at + 4);
  }

  /** Says where further entries lie, outside this buffer. @returns bytes that are valid until the next addition */
  encodeContinuation(sector: number, offset: number, length: number): Uint8Array {
    const entry = new Uint8Array(CONTINUATION_BYTES);
    entry.set([0x43, 0x45, CONTINUATION_BYTES, 1]);
    putBoth32(entry, HEAD_BYTES, sector);
    putBoth32(entry, HEAD_BYTES + 8, offset);
    putBoth32(entry, HEAD_BYTES + 16, length);
    return entry;
  }

  /** Modification, access and attribute change. */
  #addTimes(mtime: number): void {
    const at = this.#begin(0x54, 0x46, 1 + 3 * DATE_BYTES);
    this.bytes[at] = 0x0e;
    for (let i = 0; i < 3; i++) this.#dates.put(this.bytes, at + 1 + i * DATE_BYTES, mtime);
  }

  #addName(name: string): void {
    const whole = encodeName(name);
    if (whole.length > MAX_NAME_BYTES)
      throw diskError('disk.bad-name', `the name "${name}" is longer than ${MAX_NAME_BYTES} bytes`);
    for (let from = 0; from < whole.length; from += NAME_PART) {
      const part = from === 0 && whole.length <= NAME_PART ? whole : whole.subarray(from, from + NAME_PART);
      const at = this.#begin(0x4e, 0x4d, 1 + part.length);
      this.bytes[at] = from + NAME_PART < whole.length ? FLAG_CONTINUE : 0;
      this.bytes.set(part, at + 1);
    }
  }

  /** A target's components, over as many entries as they need. */
  #addTarget(name: string, target: string): void {
    encodeTarget(() => name, target);
    const components: Uint8Array[] = [];
    if (target.startsWith('/')) components.push(Uint8Array.of(8, 0));
    for (const part of target.split('/')) {
      if (part === '') continue;
      if (part === '.') components.push(Uint8Array.of(2, 0));
      else if (part === '..') components.push(Uint8Array.of(4, 0));
      else {
        const bytes = encodeName(part);
        for (let at = 0; at < bytes.length; at += NAME_PART - 2) {
          const piece = bytes.subarray(at, at + NAME_PART - 2);
          const component = new Uint8Array(2 + piece.length);
          component[0] = at + piece.length < bytes.length ? FLAG_CONTINUE : 0;
          component[1] = piece.length;
          component.set(piece, 2);
          components.push(component);
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
    groups.forEach((group, i) => {
      let at = this.#begin(0x53, 0x4c, 1 + group.reduce((sum, part) => sum + part.length, 0));
      this.bytes[at++] = i < groups.length - 1 ? FLAG_CONTINUE : 0;
      for (const part of group) {
        this.bytes.set(part, at);
        at += part.length;
      }
    });
  }

  /**
   * Readers differ: Linux takes the words as major and minor unless the first is zero, libisofs as the halves of a
   * dev_t. Small numbers can be said so that both read the same.
   */
  #addDevice({ major, minor }: { readonly major: number; readonly minor: number }): void {
    const small = major > 0 && major < 256 && minor < 256;
    const at = this.#begin(0x50, 0x4e, 16);
    putBoth32(this.bytes, at, small ? 0 : major);
    putBoth32(this.bytes, at + 8, small ? (major << 8) | minor : minor);
  }

  /** Begins an entry. @returns where its payload goes */
  #begin(first: number, second: number, payloadBytes: number): number {
    const at = this.length;
    const end = at + HEAD_BYTES + payloadBytes;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(end * 2);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    const { bytes } = this;
    bytes[at] = first;
    bytes[at + 1] = second;
    bytes[at + 2] = HEAD_BYTES + payloadBytes;
    bytes[at + 3] = 1;
    this.length = end;
    this.ends.push(end);
    return at + HEAD_BYTES;
  }
}
