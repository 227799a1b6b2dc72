import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@orlop/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { emitArp } from '../ethernet/arp.ts';
import { ETHERTYPE_ARP, emitEthernet } from '../ethernet/ethernet.ts';
import { formatFrame } from '../print/frame.ts';
import { replayFrame } from '../testing/replay.ts';
import { type CapturedPacket, parseCapture } from './capture.ts';
import { emitPcap, emitPcapRecord, PCAP_HEADER_LEN, PCAP_RECORD_HEADER_LEN } from './pcap.ts';
import { emitPcapngBlock, type PcapngBlock, parsePcapngBlock, pcapngBlockLength } from './pcapng.ts';
import { PCAPNG_INTERFACE_RESOLUTION, pcapngText, pcapngU32 } from './pcapng-options.ts';

const folder = join(import.meta.dirname, '..', '..', 'captures');
const names = readdirSync(folder).filter((name) => name.endsWith('.pcap'));
const scratch = mkdtempSync(join(tmpdir(), 'orlop-wire-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function packetsOf(file: Uint8Array): CapturedPacket[] {
  const packets = parseCapture(file);
  if (typeof packets === 'string') throw new Error(packets);
  return packets;
}

function linesOf(command: string, ...options: string[]): string[] {
  const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
  return execFileSync(command, options, { encoding: 'utf8', stdio }).trimEnd().split('\n');
}

/** What real programs said to each other (captures/make.sh). */
describe('replayFrame', () => {
  const seen = new Set<string>();

  it.each(names)('gives every frame of %s byte for byte', (name) => {
    const packets = packetsOf(readFileSync(join(folder, name)));
    expect(packets.length).toBeGreaterThan(0);
    for (const { data } of packets) {
      const { frame, formats } = replayFrame(data);
      for (const format of formats) seen.add(format);
      expect(Buffer.from(frame).toString('hex'), formatFrame(data, 0, data.length)).toBe(
        Buffer.from(data).toString('hex'),
      );
    }
  });

  it('met the formats in the captures', () => {
    const formats = [
      ...['ARP', 'IPv4 options', 'IPv4 fragment', 'IPv6 hop-by-hop', 'IPv6 fragment'],
      ...['ICMP echo-request', 'ICMP destination-unreachable', 'ICMPv6 echo-reply', 'ICMPv6 mld-v2-report'],
      ...['ICMPv6 neighbor-solicitation', 'ICMPv6 neighbor-advertisement', 'ICMPv6 router-solicitation'],
      ...[
        'ICMPv6 router-advertisement',
        'NDP prefix',
        'NDP mtu',
        'NDP route',
        'NDP recursive-dns',
        'NDP dns-search',
      ],
      ...['TCP mss', 'TCP windowScale', 'TCP sackPermitted', 'TCP timestamps', 'TCP sack'],
      ...['DHCPv4 discover', 'DHCPv4 offer', 'DHCPv4 request', 'DHCPv4 acknowledge'],
      ...['DHCPv6 information-request', 'DHCPv6 reply', 'DNS EDNS0'],
      ...['A', 'AAAA', 'CNAME', 'TXT', 'MX', 'SRV', 'PTR', 'NS', 'SOA', 'HTTPS'].map((type) => `DNS ${type}`),
    ];
    expect(formats.filter((format) => !seen.has(format))).toEqual([]);
  });
});

describe('emitPcap', () => {
  it.each(names)('gives the file %s byte for byte', (name) => {
    const file = readFileSync(join(folder, name));
    const again = new Uint8Array(file.length);
    emitPcap({ nanoseconds: false, snapLength: 262_144, linkType: 1 }, again, 0);
    let at = PCAP_HEADER_LEN;
    for (const { timeNs, originalLength, data } of packetsOf(file)) {
      const seconds = Number(timeNs / 1_000_000_000n);
      const fraction = Number((timeNs % 1_000_000_000n) / 1000n);
      emitPcapRecord({ seconds, fraction, capturedLength: data.length, originalLength }, again, at);
      again.set(data, at + PCAP_RECORD_HEADER_LEN);
      at += PCAP_RECORD_HEADER_LEN + data.length;
    }
    expect(Buffer.compare(again, file)).toBe(0);
  });
});

describe('formatFrame', () => {
  /** Lines whose form we share with tcpdump: not those of applications, nor of ICMP errors and discovery. */
  const shared = /ARP, Re|Flags|echo re/;

  it.each(names)('prints %s as tcpdump does', (name) => {
    const theirs = linesOf('tcpdump', '-nStr', join(folder, name));
    const ours = packetsOf(readFileSync(join(folder, name))).map(({ data }) =>
      formatFrame(data, 0, data.length),
    );
    expect(ours).toHaveLength(theirs.length);
    const common = (line: string): string =>
      line.replace(/, options \[[^\]]*\]/, '').replace(/^vlan .*?, p \d, /, '');
    for (const [index, line] of theirs.entries()) {
      if (!shared.test(line) || line.includes('frag')) continue;
      expect(common(ours[index])).toBe(common(line).replace(/(length \d+): HTTP.*|RESP.*$/, '$1'));
    }
  });
});

describe('formatFrame of mutated frames', () => {
  it('is one printable line of bounded length, and tells what is malformed', () => {
    const random = seededRandom(4711);
    const frames = names
      .flatMap((name) => packetsOf(readFileSync(join(folder, name))))
      .map(({ data }) => data);
    let malformed = 0;
    for (let round = 0; round < 20_000; round++) {
      const frame = new Uint8Array(frames[random.u32() % frames.length]);
      for (let edits = random.u32() % 8; edits >= 0; edits--)
        frame[random.u32() % frame.length] = random.u32();
      const line = formatFrame(frame, 0, random.u32() % 4 === 0 ? random.u32() % frame.length : frame.length);
      if (!/^[\x20-\x7e]{1,8000}$/.test(line)) throw new Error(`${round}: ${JSON.stringify(line)}`);
      if (/truncated|bad-/.test(line)) malformed++;
    }
    expect(malformed).toBeGreaterThan(5000);
  });
});

describe('emitEthernet', () => {
  it('writes an 802.1Q tag in which tshark finds identifier, priority and type', () => {
    const ethernet = { destination: 0xffff_ffff_ffff, source: 0x5254_0000_000b, etherType: ETHERTYPE_ARP };
    const frame = new Uint8Array(46);
    const at = emitEthernet({ ...ethernet, vlan: { id: 42, priority: 5, dropEligible: true } }, frame, 0);
    const [senderIp, targetIp] = [0x0a09_0002, 0x0a09_0001];
    emitArp({ operation: 1, senderMac: ethernet.source, senderIp, targetMac: 0, targetIp }, frame, at);
    const file = new Uint8Array(PCAP_HEADER_LEN + PCAP_RECORD_HEADER_LEN + frame.length);
    const record = emitPcap({ nanoseconds: false, snapLength: 65_535, linkType: 1 }, file, 0);
    const length = frame.length;
    const data = { seconds: 0, fraction: 0, capturedLength: length, originalLength: length };
    file.set(frame, emitPcapRecord(data, file, record));
    const path = join(scratch, 'tagged.pcap');
    writeFileSync(path, file);
    const fields = ['vlan.id', 'vlan.priority', 'vlan.dei', 'arp.dst.proto_ipv4'];
    const [line] = linesOf(
      'tshark',
      '-nr',
      path,
      '-T',
      'fields',
      ...fields.flatMap((field) => ['-e', field]),
    );
    expect(line.split('\t')).toEqual(['42', '5', expect.stringMatching(/^(1|True)$/), '10.9.0.1']);
    expect(replayFrame(frame)).toEqual({ frame, formats: ['Ethernet', '802.1Q', 'ARP'] });
  });
});

describe('emitPcapngBlock', () => {
  it('writes a file in which tshark finds interfaces, times, comments and directions', () => {
    const packets = packetsOf(readFileSync(join(folder, 'arp-icmp.pcap')));
    const nanoseconds = { code: PCAPNG_INTERFACE_RESOLUTION, value: Uint8Array.of(9) };
    const blocks: PcapngBlock[] = [
      { kind: 'section', options: [pcapngText(4, 'orlop')] },
      {
        kind: 'interface',
        linkType: 1,
        snapLength: 65_535,
        options: [pcapngText(2, 'guest-0'), nanoseconds],
      },
      {
        kind: 'interface',
        linkType: 1,
        snapLength: 65_535,
        options: [pcapngText(2, 'gateway'), nanoseconds],
      },
      ...packets.map(
        ({ data, timeNs, originalLength }, index): PcapngBlock => ({
          kind: 'packet',
          interfaceId: index % 2,
          timestamp: timeNs,
          originalLength,
          data,
          options: [pcapngText(1, `packet ${index}`), pcapngU32(2, 1 + (index % 2))],
        }),
      ),
    ];
    const file = new Uint8Array(blocks.reduce((length, block) => length + pcapngBlockLength(block), 0));
    let at = 0;
    for (const block of blocks) at = emitPcapngBlock(block, file, at);
    const path = join(scratch, 'ours.pcapng');
    writeFileSync(path, file);
    const fields = [
      'frame.interface_name',
      'frame.time_epoch',
      'frame.comment',
      'frame.packet_flags_direction',
      'frame.len',
    ];
    const lines = linesOf('tshark', '-nr', path, '-T', 'fields', ...fields.flatMap((field) => ['-e', field]));
    const expected = packets.map(({ timeNs, originalLength }, index) => {
      const time = `${timeNs / 1_000_000_000n}.${(timeNs % 1_000_000_000n).toString().padStart(9, '0')}`;
      const direction = `0x0000000${1 + (index % 2)}`;
      return [
        index % 2 === 0 ? 'guest-0' : 'gateway',
        time,
        `packet ${index}`,
        direction,
        originalLength,
      ].join('\t');
    });
    expect(lines).toEqual(expected);
  });

  it('gives what Wireshark’s editcap wrote byte for byte', () => {
    const path = join(scratch, 'theirs.pcapng');
    linesOf('editcap', '-F', 'pcapng', '-a', '1:a comment', join(folder, 'tcp.pcap'), path);
    const file = readFileSync(path);
    let littleEndian = true;
    const kinds = new Set<string>();
    for (let at = 0; at < file.length; ) {
      const parsed = parsePcapngBlock(file, at, { end: file.length, littleEndian });
      if (typeof parsed === 'string') throw new Error(`${parsed} at ${at}`);
      kinds.add(parsed.block.kind);
      const again = new Uint8Array(pcapngBlockLength(parsed.block));
      emitPcapngBlock(parsed.block, again, 0);
      expect(Buffer.compare(again, file.subarray(at, parsed.end))).toBe(0);
      at = parsed.end;
      littleEndian = parsed.littleEndian;
    }
    expect([...kinds]).toEqual(expect.arrayContaining(['section', 'interface', 'packet']));
    const plain = packetsOf(readFileSync(join(folder, 'tcp.pcap')));
    expect(packetsOf(file).map(({ timeNs }) => timeNs)).toEqual(plain.map(({ timeNs }) => timeNs));
  });
});
