import type { Malformed } from '../malformed.ts';
import { PCAP_HEADER_LEN, PCAP_RECORD_HEADER_LEN, parsePcap, parsePcapRecord } from './pcap.ts';
import { type PcapngBlock, parsePcapngBlock } from './pcapng.ts';
import { PCAPNG_INTERFACE_RESOLUTION } from './pcapng-options.ts';

/** A packet of a capture of either format. */
export interface CapturedPacket {
  readonly linkType: number;
  readonly interfaceId: number;
  /** Nanoseconds since 1970; 0 if the capture does not say. */
  readonly timeNs: bigint;
  readonly originalLength: number;
  /** A part of the capture, or a copy. */
  readonly data: Uint8Array;
}

/**
 * The packets of a whole pcap or pcapng file, one after the other. A file that ends in the middle of a packet,
 * as a killed capture leaves it, gives those before.
 */
export function parseCapture(bytes: Uint8Array): CapturedPacket[] | Malformed {
  const header = parsePcap(bytes, 0, bytes.length);
  if (typeof header === 'string') return parsePcapngFile(bytes);
  const { littleEndian, linkType } = header;
  const unit = header.nanoseconds ? 1n : 1000n;
  const packets: CapturedPacket[] = [];
  for (let at = PCAP_HEADER_LEN; at < bytes.length; ) {
    const record = parsePcapRecord(bytes, at, { littleEndian, end: bytes.length });
    if (typeof record === 'string') break;
    const end = at + PCAP_RECORD_HEADER_LEN + record.capturedLength;
    packets.push({
      linkType,
      interfaceId: 0,
      timeNs: BigInt(record.seconds) * 1_000_000_000n + BigInt(record.fraction) * unit,
      originalLength: record.originalLength,
      data: bytes.subarray(at + PCAP_RECORD_HEADER_LEN, end),
    });
    at = end;
  }
  return packets;
}

interface Interface {
  readonly linkType: number;
  /** Units per second. */
  readonly unitsPerSecond: bigint;
}

function parsePcapngFile(bytes: Uint8Array): CapturedPacket[] | Malformed {
  const packets: CapturedPacket[] = [];
  let interfaces: Interface[] = [];
  let littleEndian = true;
  for (let at = 0; at < bytes.length; ) {
    const parsed = parsePcapngBlock(bytes, at, { end: bytes.length, littleEndian });
    if (typeof parsed === 'string') return parsed === 'truncated' && at > 0 ? packets : parsed;
    const { block } = parsed;
    if (at === 0 && block.kind !== 'section') return 'bad-version';
    if (block.kind === 'section') interfaces = []; // numbers start again (§4.2)
    if (block.kind === 'interface') interfaces.push(interfaceOf(block));
    const packet = packetOf(block, interfaces);
    if (packet !== undefined) packets.push(packet);
    at = parsed.end;
    littleEndian = parsed.littleEndian;
  }
  return bytes.length === 0 ? 'truncated' : packets;
}

function interfaceOf(block: PcapngBlock & { readonly kind: 'interface' }): Interface {
  const resolution =
    block.options.find((option) => option.code === PCAPNG_INTERFACE_RESOLUTION)?.value[0] ?? 6;
  const digits = BigInt(resolution & 0x7f);
  return { linkType: block.linkType, unitsPerSecond: resolution >= 0x80 ? 2n ** digits : 10n ** digits };
}

function packetOf(block: PcapngBlock, interfaces: readonly Interface[]): CapturedPacket | undefined {
  if (block.kind !== 'packet' && block.kind !== 'simple-packet') return undefined;
  const interfaceId = block.kind === 'packet' ? block.interfaceId : 0;
  const from = interfaces[interfaceId];
  if (from === undefined) return undefined;
  return {
    linkType: from.linkType,
    interfaceId,
    timeNs: block.kind === 'packet' ? (block.timestamp * 1_000_000_000n) / from.unitsPerSecond : 0n,
    originalLength: block.originalLength,
    data: block.data,
  };
}
