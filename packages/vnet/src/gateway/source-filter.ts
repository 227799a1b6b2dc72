import { IpAddress, type IpPrefix, readWord } from '@orlop/netstack';
import { DHCPV4_SERVER_PORT, ETHERTYPE_IPV4, ETHERTYPE_IPV6, PROTOCOL_UDP } from '@orlop/wire';
import { etherTypeBefore, networkLayerAt } from '../switch/network-layer.ts';

const LIMITED_BROADCAST = -1;
const LINK_LOCAL_10 = 0xfe80 >>> 6;

export interface SourceFilterOptions {
  readonly subnet: IpPrefix;
  readonly prefix6: IpPrefix | undefined;
}

/**
 * Lets pass to the gateway what comes from an address of the segment: a guest cannot speak for the rest of the world.
 * That it does not speak for another guest is the affair of the switch's guard.
 */
export class SourceFilter {
  /** Frames that came from an address that is not the segment's. */
  spoofed = 0;
  /** Networks behind a guest, which speaks for them: those of its containers. */
  readonly routed: IpPrefix[] = [];
  readonly #network4: number;
  readonly #mask4: number;
  readonly #prefix6: IpPrefix | undefined;

  constructor({ subnet, prefix6 }: SourceFilterOptions) {
    this.#mask4 = subnet.length === 0 ? 0 : -1 << (32 - subnet.length);
    this.#network4 = subnet.address.w3 & this.#mask4;
    this.#prefix6 = prefix6;
  }

  admits(frame: Uint8Array, offset: number, length: number): boolean {
    const at = networkLayerAt(frame, offset, length);
    const end = offset + length;
    const type = etherTypeBefore(frame, at);
    // What is too short the stack counts as malformed.
    if (type === ETHERTYPE_IPV4) return end - at < 20 || this.#admits4(frame, at + 12) || this.#refuse();
    if (type === ETHERTYPE_IPV6) return end - at < 40 || this.#admits6(frame, at + 8) || this.#refuse();
    return true;
  }

  #refuse(): false {
    this.spoofed++;
    return false;
  }

  #admits4(frame: Uint8Array, at: number): boolean {
    const source = readWord(frame, at);
    // 0.0.0.0 is a client of DHCP.
    if (source === 0 || (source & this.#mask4) === this.#network4) return true;
    return this.#isRouted(4, frame, at) || isForAnyDhcpServer(frame, at - 12);
  }

  #admits6(frame: Uint8Array, at: number): boolean {
    const word0 = readWord(frame, at);
    const word1 = readWord(frame, at + 4);
    if (word0 >>> 22 === LINK_LOCAL_10) return true;
    const own = this.#prefix6?.address;
    // Prefixes of the segment are /64 (SLAAC).
    if (own !== undefined && word0 === own.w0 && word1 === own.w1) return true;
    if ((word0 | word1 | readWord(frame, at + 8) | readWord(frame, at + 12)) === 0) return true;
    return this.#isRouted(6, frame, at);
  }

  #isRouted(version: 4 | 6, frame: Uint8Array, at: number): boolean {
    if (this.routed.length === 0) return false;
    const source = IpAddress.read(version, frame, at);
    return this.routed.some((prefix) => prefix.contains(source));
  }
}

/** What a guest says that has an address of another network and rebinds it (RFC 2131 §4.4.5): it is to hear that it may not. */
function isForAnyDhcpServer(frame: Uint8Array, at: number): boolean {
  const ports = at + 4 * ((frame[at] ?? 0) & 15);
  return (
    readWord(frame, at + 16) === LIMITED_BROADCAST &&
    frame[at + 9] === PROTOCOL_UDP &&
    (readWord(frame, ports) & 0xffff) === DHCPV4_SERVER_PORT
  );
}
