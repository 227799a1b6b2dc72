import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_IPV4,
  emitEthernet,
  emitIpv4,
  emitTcp,
  Ipv4View,
  PROTOCOL_TCP,
  parseTcp,
  pseudoSumV4,
  sealTcp,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  type TcpFields,
  type TcpOptions,
  tcpHeaderLength,
} from '@orlop/wire';

/** Everything that a written segment leaves out. */
export interface SegmentEnds {
  readonly sourceMac: number;
  readonly destinationMac: number;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Added to written sequence numbers. */
  readonly sequenceBase: number;
  /** Added to written acknowledgment numbers and SACK edges. */
  readonly acknowledgmentBase: number;
  /** Current values of the timestamps option, for segments that say `ts`. */
  readonly timestamps?: { readonly value: number; readonly echo: number };
}

const FLAGS: readonly (readonly [string, number])[] = [
  ['S', TCP_SYN],
  ['F', TCP_FIN],
  ['R', TCP_RST],
  ['P', TCP_PSH],
  ['.', TCP_ACK],
];

/**
 * A frame from text: `FLAGS SEQ[:END] [ack N] [win N] [<mss N ws N sack ts [old] | sack A:B,C:D>]`, where FLAGS are of
 * `S F R P .` as tcpdump prints them, and END - SEQ bytes of data (each its position's low byte) follow.
 */
export function buildSegment(text: string, ends: SegmentEnds): Uint8Array {
  const match = /^([SFRP.]+) (\d+)(?::(\d+))?(?: ack (\d+))?(?: win (\d+))?(?: <(.*)>)?$/.exec(text);
  if (match === null) throw new Error(`cannot read the segment "${text}"`);
  const [, flagText = '', first = '0', last, ack, window, optionText = ''] = match;
  const flags = FLAGS.reduce((bits, [letter, bit]) => bits | (flagText.includes(letter) ? bit : 0), 0);
  const length = last === undefined ? 0 : Number(last) - Number(first);
  const fields: TcpFields = {
    sourcePort: ends.sourcePort,
    destinationPort: ends.destinationPort,
    sequence: (ends.sequenceBase + Number(first)) >>> 0,
    acknowledgment: ack === undefined ? 0 : (ends.acknowledgmentBase + Number(ack)) >>> 0,
    flags,
    window: window === undefined ? 65_535 : Number(window),
    urgentPointer: 0,
    options: readOptions(optionText, ends),
  };
  const tcpLength = tcpHeaderLength(fields) + length;
  const frame = new Uint8Array(ETHERNET_HEADER_LEN + 20 + tcpLength);
  const ethernet = { destination: ends.destinationMac, source: ends.sourceMac, etherType: ETHERTYPE_IPV4 };
  const ip = emitEthernet(ethernet, frame, 0);
  const at = emitIpv4(
    {
      trafficClass: 0,
      payloadLength: tcpLength,
      identification: 0,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 64,
      protocol: PROTOCOL_TCP,
      source: ends.source,
      destination: ends.destination,
    },
    frame,
    ip,
  );
  const data = emitTcp(fields, frame, at);
  for (let index = 0; index < length; index++) frame[data + index] = Number(first) + index;
  sealTcp(frame, at, frame.length, pseudoSumV4(ends.source, ends.destination, PROTOCOL_TCP, tcpLength));
  return frame;
}

/** The text of a frame, numbers relative to the two bases; `win` only where `withWindow`. */
export function printSegment(
  frame: Uint8Array,
  bases: { readonly sequence: number; readonly acknowledgment: number; readonly withWindow: boolean },
): string {
  const ip = ETHERNET_HEADER_LEN;
  if (Ipv4View.protocol(frame, ip) !== PROTOCOL_TCP) return `protocol ${Ipv4View.protocol(frame, ip)}`;
  const at = ip + Ipv4View.headerLength(frame, ip);
  const end = ip + Ipv4View.totalLength(frame, ip);
  const fields = parseTcp(frame, at, end);
  if (typeof fields === 'string') return fields;
  const length = end - at - ((frame[at + 12] >>> 4) << 2);
  const flags = FLAGS.map(([letter, bit]) => ((fields.flags & bit) !== 0 ? letter : '')).join('');
  const first = (fields.sequence - bases.sequence) >>> 0;
  const range = length > 0 ? `${first}:${first + length}` : `${first}`;
  const ack =
    (fields.flags & TCP_ACK) !== 0 ? ` ack ${(fields.acknowledgment - bases.acknowledgment) >>> 0}` : '';
  const window = bases.withWindow ? ` win ${fields.window}` : '';
  const options = printOptions(fields.options, bases.acknowledgment);
  return `${flags} ${range}${ack}${window}${options === '' ? '' : ` <${options}>`}`;
}

function readOptions(text: string, ends: SegmentEnds): TcpOptions {
  const mss = /mss (\d+)/.exec(text)?.[1];
  const scale = /ws (\d+)/.exec(text)?.[1];
  const blocks = /sack (\d+:\d+(?:,\d+:\d+)*)/.exec(text)?.[1];
  const edge = (value: string | undefined) => (ends.acknowledgmentBase + Number(value)) >>> 0;
  return {
    ...(mss === undefined ? {} : { mss: Number(mss) }),
    ...(scale === undefined ? {} : { windowScale: Number(scale) }),
    ...(/\bsack\b(?! \d)/.test(text) ? { sackPermitted: true } : {}),
    ...(/\bts\b/.test(text) && ends.timestamps !== undefined
      ? { timestamps: aged(ends.timestamps, text) }
      : {}),
    ...(blocks === undefined
      ? {}
      : {
          sack: blocks.split(',').map((b) => ({ left: edge(b.split(':')[0]), right: edge(b.split(':')[1]) })),
        }),
  };
}

/** `ts old` is an old duplicate's: half a second before what it would be. */
function aged(timestamps: { readonly value: number; readonly echo: number }, text: string) {
  return text.includes('ts old') ? { ...timestamps, value: timestamps.value - 500 } : timestamps;
}

function printOptions(options: TcpOptions, acknowledgmentBase: number): string {
  const parts: string[] = [];
  if (options.mss !== undefined) parts.push(`mss ${options.mss}`);
  if (options.windowScale !== undefined) parts.push(`ws ${options.windowScale}`);
  if (options.sackPermitted === true) parts.push('sack');
  if (options.timestamps !== undefined) parts.push('ts');
  if (options.sack !== undefined) {
    const relative = (edge: number) => (edge - acknowledgmentBase) >>> 0;
    parts.push(`sack ${options.sack.map((b) => `${relative(b.left)}:${relative(b.right)}`).join()}`);
  }
  return parts.join(' ');
}
