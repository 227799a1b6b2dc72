/**
 * One IP address, version 4 or 6, immutable. Its four 32-bit words (as signed integers, which the engine keeps
 * unboxed) are what tables are keyed by; version 4 is held as `::ffff:a.b.c.d`.
 */
export class IpAddress {
  readonly version: 4 | 6;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;

  private constructor(version: 4 | 6, w0: number, w1: number, w2: number, w3: number) {
    this.version = version;
    this.w0 = w0 | 0;
    this.w1 = w1 | 0;
    this.w2 = w2 | 0;
    this.w3 = w3 | 0;
  }

  static v4(value: number): IpAddress {
    return new IpAddress(4, 0, 0, 0xffff, value);
  }

  static v6(w0: number, w1: number, w2: number, w3: number): IpAddress {
    return new IpAddress(6, w0, w1, w2, w3);
  }

  /** Reads 4 or 16 bytes in network order. */
  static read(version: 4 | 6, bytes: Uint8Array, offset = 0): IpAddress {
    if (version === 4) return IpAddress.v4(readWord(bytes, offset));
    return IpAddress.v6(
      readWord(bytes, offset),
      readWord(bytes, offset + 4),
      readWord(bytes, offset + 8),
      readWord(bytes, offset + 12),
    );
  }

  /** The address that `text` writes (`10.0.0.1`, `fe80::1`, `::ffff:10.0.0.1`), or undefined. */
  static parse(text: string): IpAddress | undefined {
    return text.includes(':') ? parseVersion6(text) : parseVersion4(text);
  }

  /** 4 or 16. */
  get byteLength(): number {
    return this.version === 4 ? 4 : 16;
  }

  get isUnspecified(): boolean {
    return this.w3 === 0 && (this.version === 4 || (this.w0 | this.w1 | this.w2) === 0);
  }

  get isMulticast(): boolean {
    return this.version === 4 ? this.w3 >>> 28 === 0xe : this.w0 >>> 24 === 0xff;
  }

  get isLinkLocal(): boolean {
    return this.version === 4 ? this.w3 >>> 16 === 0xa9fe : this.w0 >>> 22 === 0x3fa;
  }

  get isLoopback(): boolean {
    if (this.version === 4) return this.w3 >>> 24 === 127;
    return (this.w0 | this.w1 | this.w2) === 0 && this.w3 === 1;
  }

  equals(other: IpAddress): boolean {
    return (
      this.w3 === other.w3 &&
      this.w0 === other.w0 &&
      this.w1 === other.w1 &&
      this.w2 === other.w2 &&
      this.version === other.version
    );
  }

  /** Writes 4 or 16 bytes in network order. */
  write(into: Uint8Array, offset: number): void {
    if (this.version === 4) {
      writeWord(into, offset, this.w3);
      return;
    }
    writeWord(into, offset, this.w0);
    writeWord(into, offset + 4, this.w1);
    writeWord(into, offset + 8, this.w2);
    writeWord(into, offset + 12, this.w3);
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.byteLength);
    this.write(bytes, 0);
    return bytes;
  }

  /** Dotted decimal, or RFC 5952 text. */
  toString(): string {
    if (this.version === 4) {
      return `${this.w3 >>> 24}.${(this.w3 >>> 16) & 255}.${(this.w3 >>> 8) & 255}.${this.w3 & 255}`;
    }
    return formatVersion6([this.w0, this.w1, this.w2, this.w3].flatMap((w) => [w >>> 16, w & 0xffff]));
  }
}

/** A range of addresses: `192.168.127.0/24`. */
export class IpPrefix {
  readonly address: IpAddress;
  /** 0–32 or 0–128. */
  readonly length: number;

  constructor(address: IpAddress, length: number) {
    this.address = address;
    this.length = length;
  }

  /** Undefined when `text` is not ADDRESS/LENGTH. */
  static parse(text: string): IpPrefix | undefined {
    const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
    const address = match?.[1] === undefined ? undefined : IpAddress.parse(match[1]);
    const length = Number(match?.[2]);
    if (address === undefined || length > address.byteLength * 8) return undefined;
    return new IpPrefix(address, length);
  }

  contains(address: IpAddress): boolean {
    const own = this.address;
    if (own.version !== address.version) return false;
    if (own.version === 4) return sameBits(own.w3, address.w3, this.length);
    return (
      sameBits(own.w0, address.w0, this.length) &&
      sameBits(own.w1, address.w1, this.length - 32) &&
      sameBits(own.w2, address.w2, this.length - 64) &&
      sameBits(own.w3, address.w3, this.length - 96)
    );
  }

  toString(): string {
    return `${this.address}/${this.length}`;
  }
}

/** Reads a big-endian 32-bit word as a signed integer. */
export function readWord(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] ?? 0) << 24) |
    ((bytes[offset + 1] ?? 0) << 16) |
    ((bytes[offset + 2] ?? 0) << 8) |
    (bytes[offset + 3] ?? 0)
  );
}

export function writeWord(into: Uint8Array, offset: number, word: number): void {
  into[offset] = word >>> 24;
  into[offset + 1] = word >>> 16;
  into[offset + 2] = word >>> 8;
  into[offset + 3] = word;
}

function sameBits(a: number, b: number, count: number): boolean {
  if (count <= 0) return true;
  return count >= 32 ? a === b : (a ^ b) >>> (32 - count) === 0;
}

function parseVersion4(text: string): IpAddress | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let value = 0;
  for (const part of match.slice(1)) {
    const octet = Number(part);
    if (octet > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = (value << 8) | octet;
  }
  return IpAddress.v4(value);
}

function parseVersion6(text: string): IpAddress | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = parseGroups(halves[1] ?? '', true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const word = (index: number) => ((groups[index] ?? 0) << 16) | (groups[index + 1] ?? 0);
  return IpAddress.v6(word(0), word(2), word(4), word(6));
}

/** The 16-bit groups of one side of `::`; dotted decimal may stand for the last two of the address. */
function parseGroups(text: string, mayEndDotted: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const dotted = mayEndDotted && index === parts.length - 1 ? parseVersion4(part) : undefined;
    if (dotted === undefined) return undefined;
    groups.push(dotted.w3 >>> 16, dotted.w3 & 0xffff);
  }
  return groups;
}

/** RFC 5952: the longest run of two or more zero groups, the first of equals, becomes `::`. */
function formatVersion6(groups: readonly number[]): string {
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) {
      bestStart = start;
      bestLength = length;
    }
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (bestStart < 0) return hex(groups);
  return `${hex(groups.slice(0, bestStart))}::${hex(groups.slice(bestStart + bestLength))}`;
}
