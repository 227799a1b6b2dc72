import { IpAddress, type IpPrefix, readWord } from '@orlop/netstack';
import type { Port } from '../switch/port.ts';

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const LINK_LOCAL_10 = 0xfe80 >>> 6;

/** Lets pass what comes from an address of the segment: a guest cannot speak for the rest of the world. */
export class SourceFilter {
  /** Frames that came from an address that is not the segment's. */
  spoofed = 0;
  /** Networks behind a guest, which speaks for them: those of its containers. */
  readonly routed: IpPrefix[] = [];
  readonly #network4: number;
  readonly #mask4: number;
  readonly #prefix6: IpPrefix | undefined;

  constructor(subnet: IpPrefix, prefix6: IpPrefix | undefined) {
    this.#mask4 = subnet.length === 0 ? 0 : -1 << (32 - subnet.length);
    this.#network4 = subnet.address.w3 & this.#mask4;
    this.#prefix6 = prefix6;
  }

  admits(frame: Uint8Array, offset: number, length: number, _from: Port): boolean {
    const type = ((frame[offset + 12] ?? 0) << 8) | (frame[offset + 13] ?? 0);
    if (type === ETHERTYPE_IPV4) return this.#admits4(frame, offset + 14, length - 14);
    if (type === ETHERTYPE_IPV6) return this.#admits6(frame, offset + 14, length - 14);
    return true;
  }

  #admits4(frame: Uint8Array, at: number, length: number): boolean {
    if (length < 20) return true; // the stack counts it as malformed
    const source = readWord(frame, at + 12);
    // 0.0.0.0 is a client of DHCP.
    if ((source & this.#mask4) === this.#network4 || source === 0) return true;
    if (this.#isRouted(4, frame, at + 12)) return true;
    this.spoofed++;
    return false;
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
    if (this.#isRouted(6, frame, at + 8)) return true;
    this.spoofed++;
    return false;
  }

  #isRouted(version: 4 | 6, frame: Uint8Array, at: number): boolean {
    if (this.routed.length === 0) return false;
    const source = IpAddress.read(version, frame, at);
    return this.routed.some((prefix) => prefix.contains(source));
  }
}
