import { IpAddress } from './address.ts';

/**
 * A received packet, read in place: one object is reused from packet to packet, and what it points to is only
 * valid during the call. Addresses are signed words as in {@link IpAddress}.
 */
export class IpPacket {
  version: 4 | 6 = 4;
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the IP header begins. */
  header = 0;
  /** Where the transport header begins. */
  payload = 0;
  end = 0;
  protocol = 0;
  hopLimit = 0;
  /** It came with a fragment header, be it in one piece. */
  isFragmented = false;
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  destination0 = 0;
  destination1 = 0;
  destination2 = 0;
  destination3 = 0;
  /** One of our own unicast addresses. */
  toUs = false;
  /** Broadcast or multicast, by IP address. */
  toGroup = false;
  /** One's complement sum of the addresses, for pseudo headers. */
  addressSum = 0;

  /** Allocates. */
  sourceAddress(): IpAddress {
    return this.version === 4
      ? IpAddress.v4(this.source3)
      : IpAddress.v6(this.source0, this.source1, this.source2, this.source3);
  }

  /** Allocates. */
  destinationAddress(): IpAddress {
    return this.version === 4
      ? IpAddress.v4(this.destination3)
      : IpAddress.v6(this.destination0, this.destination1, this.destination2, this.destination3);
  }

  /** The pseudo header's sum for the transport header and payload of this packet (RFC 9293 §3.1, RFC 8200 §8.1). */
  pseudoSum(): number {
    const length = this.end - this.payload;
    return this.addressSum + this.protocol + (length >>> 16) + (length & 0xffff);
  }
}

/** What a quoted packet inside an ICMP error says: the packet was ours, from `local` to `remote`. */
export interface QuotedPacket {
  readonly protocol: number;
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly bytes: Uint8Array;
  /** Where its transport header begins, and how much of it was quoted. */
  readonly offset: number;
  readonly end: number;
}

export type IcmpErrorKind = 'port-unreachable' | 'unreachable' | 'prohibited' | 'too-big' | 'time-exceeded';

/** An ICMP error about a packet that we sent (perhaps: who receives it checks what it can). */
export interface IcmpErrorReport {
  readonly kind: IcmpErrorKind;
  readonly from: IpAddress;
  /** For `too-big`; 0 when the router did not say. */
  readonly mtu: number;
  readonly quoted: QuotedPacket;
}

/** A protocol above IP. */
export interface TransportProtocol {
  receive(packet: IpPacket, now: number): void;
  onIcmpError(report: IcmpErrorReport, now: number): void;
}
