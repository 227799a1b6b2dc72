import {
  checkTcp,
  TCP_ACK,
  TCP_FIN,
  TCP_HEADER_LEN,
  TCP_RST,
  TCP_SYN,
  TcpOptionsView,
  TcpView,
} from '@orlop/wire';
import { readWord } from '../ip/address.ts';
import type { IpPacket } from '../ip/packet.ts';

/** The segment at hand, read in place; one object is reused from segment to segment. */
export class Segment {
  sourcePort = 0;
  destinationPort = 0;
  /** Signed, see sequence.ts. */
  sequence = 0;
  acknowledgment = 0;
  flags = 0;
  /** As on the wire, unscaled. */
  window = 0;
  bytes: Uint8Array = new Uint8Array(0);
  dataOffset = 0;
  dataLength = 0;
  readonly options = new TcpOptionsView();

  /** False when the segment is malformed. */
  read(packet: IpPacket): boolean {
    const { bytes, payload, end } = packet;
    if (checkTcp(bytes, payload, end) !== undefined) return false;
    const headerEnd = payload + TcpView.headerLength(bytes, payload);
    if (this.options.read(bytes, payload + TCP_HEADER_LEN, headerEnd) !== undefined) return false;
    this.bytes = bytes;
    this.sourcePort = TcpView.sourcePort(bytes, payload);
    this.destinationPort = TcpView.destinationPort(bytes, payload);
    this.sequence = readWord(bytes, payload + 4);
    this.acknowledgment = readWord(bytes, payload + 8);
    this.flags = TcpView.flags(bytes, payload);
    this.window = TcpView.window(bytes, payload);
    this.dataOffset = headerEnd;
    this.dataLength = end - headerEnd;
    return true;
  }

  get isSyn(): boolean {
    return (this.flags & TCP_SYN) !== 0;
  }

  get isAck(): boolean {
    return (this.flags & TCP_ACK) !== 0;
  }

  get isRst(): boolean {
    return (this.flags & TCP_RST) !== 0;
  }

  get isFin(): boolean {
    return (this.flags & TCP_FIN) !== 0;
  }

  /** Sequence numbers that the segment occupies. */
  get sequenceLength(): number {
    return this.dataLength + (this.isSyn ? 1 : 0) + (this.isFin ? 1 : 0);
  }
}
