import {
  emitTcp,
  foldSum,
  NO_TCP_OPTIONS,
  PROTOCOL_TCP,
  sealTcp,
  TCP_ACK,
  TCP_RST,
  type TcpOptions,
  tcpHeaderLength,
} from '@orlop/wire';
import type { Endpoint, TcpCounters } from '../face.ts';
import type { IpLayer, PacketBody } from '../ip/ip-layer.ts';
import type { IpPacket } from '../ip/packet.ts';
import type { IpPath } from '../ip/path.ts';
import type { ControlBlock } from './control-block.ts';
import type { Segment } from './segment.ts';
import { emptySegmentSequence } from './send-segment.ts';

/** A segment without connection and data: RST, or SYN-ACK with a cookie. */
export interface BareSegment {
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  /** @default 0 */
  readonly window?: number;
  readonly options?: TcpOptions;
}

/** Sends segments that belong to no connection (any more). */
export class BareSegmentSender {
  readonly #ip: IpLayer;
  readonly #counters: TcpCounters;

  constructor(ip: IpLayer, counters: TcpCounters) {
    this.#ip = ip;
    this.#counters = counters;
  }

  send(local: Endpoint, remote: Endpoint, segment: BareSegment): void {
    const path = this.#ip.path(remote.address, PROTOCOL_TCP, local.address);
    if (path === undefined) return;
    this.#counters.segmentsOut++;
    if ((segment.flags & TCP_RST) !== 0) this.#counters.resetsOut++;
    this.#ip.send(path, bodyOf(path, local.port, remote.port, segment));
  }

  /** Ends a connection of ours for the peer. */
  readonly reset = (block: ControlBlock): void => {
    this.send(block.local, block.remote, {
      sequence: emptySegmentSequence(block),
      acknowledgment: block.receiveNext,
      flags: TCP_RST | TCP_ACK,
    });
  };

  /** To a segment for no connection (RFC 9293 §3.10.7.1). */
  answerReset(packet: IpPacket, segment: Segment): void {
    if (segment.isRst) return;
    const local = { address: packet.destinationAddress(), port: segment.destinationPort };
    const remote = { address: packet.sourceAddress(), port: segment.sourcePort };
    const reset = segment.isAck
      ? { sequence: segment.acknowledgment, acknowledgment: 0, flags: TCP_RST }
      : {
          sequence: 0,
          acknowledgment: (segment.sequence + segment.sequenceLength) | 0,
          flags: TCP_RST | TCP_ACK,
        };
    this.send(local, remote, reset);
  }
}

function bodyOf(path: IpPath, localPort: number, remotePort: number, segment: BareSegment): PacketBody {
  const options = segment.options ?? NO_TCP_OPTIONS;
  const length = tcpHeaderLength({ options });
  return {
    length,
    write: (into, at) => {
      const fields = {
        sourcePort: localPort,
        destinationPort: remotePort,
        sequence: segment.sequence >>> 0,
        acknowledgment: segment.acknowledgment >>> 0,
        flags: segment.flags,
        window: segment.window ?? 0,
        urgentPointer: 0,
        options,
      };
      emitTcp(fields, into, at);
      sealTcp(into, at, at + length, foldSum(path.pseudoSum + length));
    },
  };
}
