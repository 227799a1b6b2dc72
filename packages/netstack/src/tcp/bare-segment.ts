import { emitTcp, foldSum, NO_TCP_OPTIONS, sealTcp, type TcpOptions, tcpHeaderLength } from '@orlop/wire';
import type { PacketBody } from '../ip/ip-layer.ts';
import type { IpPath } from '../ip/path.ts';

/** A segment without connection and data: RST, or SYN-ACK with a cookie. */
export interface BareSegment {
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  /** @default 0 */
  readonly window?: number;
  readonly options?: TcpOptions;
}

export function emitBareSegment(
  path: IpPath,
  localPort: number,
  remotePort: number,
  segment: BareSegment,
): PacketBody {
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
