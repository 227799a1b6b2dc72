import {
  formatIpv4Address,
  formatIpv6Address,
  type Ipv4Address,
  type Ipv6Address,
  parseIpv4Address,
  parseIpv6Address,
  writeU32,
} from '@orlop/wire';

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

  /** Of the wire package's own type. */
  static fromIpv6({ a, b, c, d }: Ipv6Address): IpAddress {
    return IpAddress.v6(a, b, c, d);
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
    if (text.includes(':')) {
      const words = parseIpv6Address(text);
      return words === undefined ? undefined : IpAddress.fromIpv6(words);
    }
    const value = parseIpv4Address(text);
    return value === undefined ? undefined : IpAddress.v4(value);
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
      writeU32(into, offset, this.w3);
      return;
    }
    writeU32(into, offset, this.w0);
    writeU32(into, offset + 4, this.w1);
    writeU32(into, offset + 8, this.w2);
    writeU32(into, offset + 12, this.w3);
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.byteLength);
    this.write(bytes, 0);
    return bytes;
  }

  /** As the wire package's own type has it. Precondition: version 4. */
  toIpv4(): Ipv4Address {
    return this.w3 >>> 0;
  }

  /** As the wire package's own type has it; version 4 comes out mapped. */
  toIpv6(): Ipv6Address {
    return { a: this.w0 >>> 0, b: this.w1 >>> 0, c: this.w2 >>> 0, d: this.w3 >>> 0 };
  }

  /** Dotted decimal, or RFC 5952 text. */
  toString(): string {
    return this.version === 4 ? formatIpv4Address(this.toIpv4()) : formatIpv6Address(this.toIpv6());
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
  return (bytes[offset] << 24) | (bytes[offset + 1] << 16) | (bytes[offset + 2] << 8) | bytes[offset + 3];
}

function sameBits(a: number, b: number, count: number): boolean {
  if (count <= 0) return true;
  return count >= 32 ? a === b : (a ^ b) >>> (32 - count) === 0;
}
