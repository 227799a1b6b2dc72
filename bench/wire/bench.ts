/**
 * What reading and writing packets costs, against the ways it is done elsewhere, in one run:
 * a `DataView` made per packet, a `DataView` kept per buffer, byte-by-byte checksums, and dns-packet.
 */
import { decode, encode } from 'dns-packet';
import {
  checkIpv4,
  checkTcp,
  emitIpv4,
  emitTcp,
  encodeDns,
  type Ipv4Fields,
  Ipv4View,
  parseDns,
  parseTcp,
  pseudoSumAt,
  sealTcp,
  sumBytes,
  type TcpFields,
  TcpOptionsView,
  TcpView,
} from '../../packages/wire/src/index.ts';

/** Keeps results alive, so that nothing is optimized away. */
let sink = 0;

interface Row {
  readonly name: string;
  readonly run: () => number;
  /** Bytes that one run goes over, where speed is by the byte. */
  readonly bytes?: number;
}

/** Nanoseconds of one run: the best of five rounds of about 40 ms. */
function measure(run: () => number): number {
  let rounds = 1;
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 5; ) {
    const from = process.hrtime.bigint();
    for (let index = 0; index < rounds; index++) sink = (sink + run()) | 0;
    const tookNs = Number(process.hrtime.bigint() - from);
    if (tookNs < 40e6) {
      rounds *= 2;
      continue;
    }
    best = Math.min(best, tookNs / rounds);
    attempt++;
  }
  return best;
}

/** The first row is ours; the others are shown as multiples of it. */
function compare(title: string, rows: readonly Row[]): void {
  console.log(`\n${title}`);
  let ours = 0;
  for (const { name, run, bytes } of rows) {
    const tookNs = measure(run);
    if (ours === 0) ours = tookNs;
    const speed = bytes === undefined ? '' : `${(bytes / tookNs).toFixed(2).padStart(8)} GB/s`;
    console.log(
      `  ${name.padEnd(46)} ${tookNs.toFixed(1).padStart(10)} ns ${speed} ${(tookNs / ours).toFixed(2)}x`,
    );
  }
}

const PACKETS = 64;
const STRIDE = 1600;
const buffer = new Uint8Array(PACKETS * STRIDE);
const tcp: TcpFields = {
  sourcePort: 443,
  destinationPort: 50_000,
  sequence: 4_000_000_000,
  acknowledgment: 3_000_000_000,
  flags: 0x10,
  window: 501,
  urgentPointer: 0,
  options: { timestamps: { value: 4_100_000_000, echo: 77 } },
};
const ip: Ipv4Fields = {
  trafficClass: 0,
  payloadLength: 1480,
  identification: 0,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 64,
  protocol: 6,
  source: 0xc0a8_7f02,
  destination: 0x0101_0101,
};
for (let packet = 0; packet < PACKETS; packet++) emitTcp(tcp, buffer, emitIpv4(ip, buffer, packet * STRIDE));
let turn = 0;
function nextOffset(): number {
  turn = (turn + 1) % PACKETS;
  return turn * STRIDE;
}

const options = new TcpOptionsView();
const kept = new DataView(buffer.buffer);
compare('TCP header with timestamps: check it, read ports, numbers, flags, window, timestamps', [
  {
    name: 'views: checkTcp, TcpView, TcpOptionsView',
    run: () => {
      const at = nextOffset() + 20;
      if (checkTcp(buffer, at, at + 1480) !== undefined) return 0;
      options.read(buffer, at + 20, at + TcpView.headerLength(buffer, at));
      const ports = TcpView.sourcePort(buffer, at) + TcpView.destinationPort(buffer, at);
      const numbers = TcpView.sequence(buffer, at) ^ TcpView.acknowledgment(buffer, at);
      return (
        ports + numbers + TcpView.flags(buffer, at) + TcpView.window(buffer, at) + options.timestampValue
      );
    },
  },
  {
    name: 'record: parseTcp',
    run: () => {
      const at = nextOffset() + 20;
      const fields = parseTcp(buffer, at, at + 1480);
      return typeof fields === 'string' ? 0 : fields.sequence + fields.window;
    },
  },
  { name: 'a DataView kept for the buffer', run: () => readByDataView(kept, nextOffset() + 20) },
  {
    name: 'a DataView made for the packet',
    run: () => readByDataView(new DataView(buffer.buffer, buffer.byteOffset + nextOffset() + 20, 1480), 0),
  },
  {
    name: 'a subarray and a DataView made for the packet',
    run: () => {
      const at = nextOffset() + 20;
      const packet = buffer.subarray(at, at + 1480);
      return readByDataView(new DataView(packet.buffer, packet.byteOffset, packet.length), 0);
    },
  },
]);

function readByDataView(view: DataView, at: number): number {
  const ports = view.getUint16(at) + view.getUint16(at + 2);
  const numbers = view.getUint32(at + 4) ^ view.getUint32(at + 8);
  return ports + numbers + view.getUint8(at + 13) + view.getUint16(at + 14) + view.getUint32(at + 24);
}

compare('IPv4 header: check it with its checksum, read protocol and addresses', [
  {
    name: 'views: checkIpv4, Ipv4View',
    run: () => {
      const at = nextOffset();
      if (checkIpv4(buffer, at, at + 1500) !== undefined) return 0;
      return Ipv4View.protocol(buffer, at) + (Ipv4View.source(buffer, at) ^ Ipv4View.destination(buffer, at));
    },
  },
]);

compare('TCP header with timestamps: emit it, and emit with the checksum of 1448 bytes', [
  { name: 'emitTcp', run: () => emitTcp(tcp, buffer, nextOffset() + 20) },
  {
    name: 'emitTcp, pseudoSumAt, sealTcp',
    run: () => {
      const at = nextOffset() + 20;
      emitTcp(tcp, buffer, at);
      const of = { addressLength: 4, protocol: 6, length: 1480 } as const;
      sealTcp(buffer, at, at + 1480, pseudoSumAt(buffer, at - 8, of));
      return buffer[at + 16];
    },
  },
]);

const payload = new Uint8Array(65_536 + 8).map((_, index) => index * 7);
for (const [size, offset] of [
  [40, 0],
  [1460, 0],
  [1460, 3],
  [65_480, 0],
  [65_480, 3],
]) {
  compare(`Checksum of ${size} bytes${offset === 0 ? '' : ', at an odd address'}`, [
    { name: 'sumBytes', bytes: size, run: () => sumBytes(payload, offset, offset + size) },
    {
      name: 'byte by byte, as RFC 1071 §4.1',
      bytes: size,
      run: () => sumPlainly(payload, offset, offset + size),
    },
    {
      name: 'DataView.getUint16',
      bytes: size,
      run: () => {
        const view = new DataView(payload.buffer, offset, size);
        let sum = 0;
        for (let at = 0; at + 1 < size; at += 2) sum += view.getUint16(at);
        return (sum & 0xffff) + (sum >>> 16);
      },
    },
  ]);
}

function sumPlainly(bytes: Uint8Array, offset: number, end: number): number {
  let sum = 0;
  for (let at = offset; at + 1 < end; at += 2) sum += (bytes[at] << 8) + bytes[at + 1];
  return (sum & 0xffff) + (sum >>> 16);
}

const message = encode({
  type: 'response',
  id: 1,
  flags: 0x180,
  questions: [{ type: 'A', name: 'www.example.com' }],
  answers: [
    { type: 'CNAME', name: 'www.example.com', ttl: 300, data: 'web.example.com' },
    { type: 'A', name: 'web.example.com', ttl: 300, data: '93.184.216.34' },
    { type: 'A', name: 'web.example.com', ttl: 300, data: '93.184.216.35' },
  ],
});
const ours = parseDns(message, 0, message.length);
const theirs = decode(message);
if (typeof ours === 'string') throw new Error(ours);
compare('DNS answer of three records: read it', [
  {
    name: 'parseDns',
    run: () => {
      const fields = parseDns(message, 0, message.length);
      return typeof fields === 'string' ? 0 : fields.answers.length;
    },
  },
  { name: 'dns-packet decode', run: () => decode(message).answers?.length ?? 0 },
]);
compare('The same: write it', [
  { name: 'encodeDns, names compressed', run: () => encodeDns(ours, { maxLength: 512 }).length },
  { name: 'dns-packet encode, names not compressed', run: () => encode(theirs).length },
]);
if (sink === 1) console.log('');
