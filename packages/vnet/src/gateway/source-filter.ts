import { IpAddress, type IpPrefix, readWord } from '@orlop/netstack';
import type { MacAddress } from '@orlop/wire';
import { readMacKey } from '../switch/mac-table.ts';
import type { Port } from '../switch/port.ts';

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const LINK_LOCAL_10 = 0xfe80 >>> 6;

export interface SourceFilterOptions {
  readonly subnet: IpPrefix;
  readonly prefix6: IpPrefix | undefined;
  /** The guest whose lease the IPv4 address is. */
  readonly holderOf: (address: number) => MacAddress | undefined;
  /** Where that guest is plugged in. */
  readonly portOf: (mac: MacAddress) => Port | undefined;
}

/**
 * Lets pass what comes from an address of the segment that is no other guest's: a guest can speak neither for the rest
 * of the world, nor for one that is plugged in and has the address by DHCP. The latter holds for ARP too, so that a
 * guest cannot draw to itself what the gateway sends to another.
 */
export class SourceFilter {
  /** Frames that came from an address that is not the segment's, or another guest's. */
  spoofed = 0;
  /** Networks behind a guest, which speaks for them: those of its containers. */
  readonly routed: IpPrefix[] = [];
  readonly #network4: number;
  readonly #mask4: number;
  readonly #prefix6: IpPrefix | undefined;

  readonly #holderOf: (address: number) => MacAddress | undefined;
  readonly #portOf: (mac: MacAddress) => Port | undefined;

  constructor({ subnet, prefix6, holderOf, portOf }: SourceFilterOptions) {
    this.#mask4 = subnet.length === 0 ? 0 : -1 << (32 - subnet.length);
    this.#network4 = subnet.address.w3 & this.#mask4;
    this.#prefix6 = prefix6;
    this.#holderOf = holderOf;
    this.#portOf = portOf;
  }

  admits(frame: Uint8Array, offset: number, length: number, from: Port): boolean {
    const type = ((frame[offset + 12] ?? 0) << 8) | (frame[offset + 13] ?? 0);
    if (type === ETHERTYPE_IPV4) {
      if (length < 14 + 20) return true; // the stack counts it as malformed
      return this.#admits4(frame, offset, from) || this.#refuse();
    }
    if (type === ETHERTYPE_IPV6) return this.#admits6(frame, offset + 14, length - 14);
    if (type === ETHERTYPE_ARP && length >= 14 + 28) {
      return !this.#isAnothers(readWord(frame, offset + 14 + 14), frame, { offset, from }) || this.#refuse();
    }
    return true;
  }

  #refuse(): false {
    this.spoofed++;
    return false;
  }

  #admits4(frame: Uint8Array, offset: number, from: Port): boolean {
    const at = offset + 14 + 12;
    const source = readWord(frame, at);
    // 0.0.0.0 is a client of DHCP.
    if (source === 0) return true;
    if ((source & this.#mask4) === this.#network4) return !this.#isAnothers(source, frame, { offset, from });
    return this.#isRouted(4, frame, at);
  }

  /** Whether the address is the lease of a guest that is plugged in elsewhere. */
  #isAnothers(
    address: number,
    frame: Uint8Array,
    { offset, from }: { readonly offset: number; readonly from: Port },
  ): boolean {
    const holder = this.#holderOf(address);
    if (holder === undefined || holder === readMacKey(frame, offset + 6)) return false;
    const port = this.#portOf(holder);
    return port !== undefined && port !== from;
  }

  #admits6(frame: Uint8Array, at: number, length: number): boolean {
    if (length < 40) return true;
    const word0 = readWord(frame, at + 8);
    const word1 = readWord(frame, at + 12);
    if (word0 >>> 22 === LINK_LOCAL_10) return true;
    const own = this.#prefix6?.address;
    // Prefixes of the segment are /64 (SLAAC).
    if (own !== undefined && word0 === own.w0 && word1 === own.w1) return true;
    if ((word0 | word1 | readWord(frame, at + 16) | readWord(frame, at + 20)) === 0) return true;
    return this.#isRouted(6, frame, at + 8) || this.#refuse();
  }

  #isRouted(version: 4 | 6, frame: Uint8Array, at: number): boolean {
    if (this.routed.length === 0) return false;
    const source = IpAddress.read(version, frame, at);
    return this.routed.some((prefix) => prefix.contains(source));
  }
}
