import {
  emitPcapngBlock,
  LINKTYPE_ETHERNET,
  PCAPNG_INTERFACE_NAME,
  PCAPNG_INTERFACE_RESOLUTION,
  PCAPNG_PACKET_FLAGS,
  PCAPNG_SECTION_APPLICATION,
  type PcapngBlock,
  pcapngBlockLength,
  pcapngText,
  pcapngU32,
} from '@orlop/wire';

/** The interface's option `if_tsresol` of 6: microseconds. */
const MICROSECONDS = { code: PCAPNG_INTERFACE_RESOLUTION, value: Uint8Array.of(6) };
/** Low two bits of `epb_flags`: from the point of view of the switch. */
const DIRECTION = { in: 1, out: 2 } as const;

export function encodeSection(): Uint8Array {
  return encode({ kind: 'section', options: [pcapngText(PCAPNG_SECTION_APPLICATION, 'orlop')] });
}

export function encodeInterface(name: string, snapLength: number): Uint8Array {
  return encode({
    kind: 'interface',
    linkType: LINKTYPE_ETHERNET,
    snapLength,
    options: [pcapngText(PCAPNG_INTERFACE_NAME, name), MICROSECONDS],
  });
}

export interface CapturedFrame {
  readonly interfaceId: number;
  readonly wallMs: number;
  readonly direction: 'in' | 'out';
  readonly originalLength: number;
  readonly data: Uint8Array;
}

export function encodeFrame({
  interfaceId,
  wallMs,
  direction,
  originalLength,
  data,
}: CapturedFrame): Uint8Array {
  return encode({
    kind: 'packet',
    interfaceId,
    timestamp: BigInt(Math.round(wallMs * 1000)),
    originalLength,
    data,
    options: [pcapngU32(PCAPNG_PACKET_FLAGS, DIRECTION[direction])],
  });
}

function encode(block: PcapngBlock): Uint8Array {
  const bytes = new Uint8Array(pcapngBlockLength(block));
  emitPcapngBlock(block, bytes, 0);
  return bytes;
}
