import { type FrameSink, IpAddress } from '@orlop/netstack';
import { seededRandom } from '@orlop/testkit';
import {
  checksumHolds,
  emitTcp,
  emitUdp,
  IPV4_HEADER_LEN,
  pseudoSumAt,
  readU16,
  readU32,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  verifyTcp,
  verifyUdp,
  writeU16,
} from '@orlop/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutFrame } from './segment-cutter.ts';

function sinkOf(frames: Uint8Array[], maxFrames = Number.POSITIVE_INFINITY): FrameSink {
  const buffer = new Uint8Array(70_000);
  return {
    buffer,
    offset: 10,
    reserve: () => frames.length < maxFrames,
    commit: (length) => frames.push(buffer.slice(10, 10 + length)),
  };
}

interface FrameOptions {
  readonly version: 4 | 6;
  readonly tagged?: boolean;
  readonly payload: Uint8Array;
  readonly udp?: boolean;
}

const SEQUENCE = 0xffff_ff00;

/** A frame as a kernel leaves it to its interface: lengths right, checksums not. */
function unfinished({ version, tagged = false, payload, udp = false }: FrameOptions) {
  const ip = tagged ? 18 : 14;
  const transport = ip + (version === 4 ? IPV4_HEADER_LEN : 40);
  const options = { timestamps: { value: 7, echo: 9 } };
  const bytes = new Uint8Array(transport + 32 + payload.length);
  const tcp = {
    ...{ sourcePort: 1, destinationPort: 2, sequence: SEQUENCE, acknowledgment: 5 },
    ...{ flags: TCP_ACK | TCP_PSH | TCP_FIN, window: 6, urgentPointer: 0, options },
  };
  const ports = { sourcePort: 1, destinationPort: 2, payloadLength: payload.length };
  const start = udp ? emitUdp(ports, bytes, transport) : emitTcp(tcp, bytes, transport);
  bytes.set(payload, start);
  const end = start + payload.length;
  writeU16(bytes, 12, tagged ? 0x8100 : version === 4 ? 0x0800 : 0x86dd);
  if (tagged) writeU16(bytes, 16, version === 4 ? 0x0800 : 0x86dd);
  const addresses = ip + (version === 4 ? 12 : 8);
  for (const [index, text] of (version === 4 ? ['10.0.0.1', '10.0.0.2'] : ['fd00::1', 'fd00::2']).entries()) {
    IpAddress.parse(text)?.write(bytes, addresses + index * (version === 4 ? 4 : 16));
  }
  bytes[ip] = version === 4 ? 0x45 : 0x60;
  if (version === 4) {
    writeU16(bytes, ip + 2, end - ip);
    writeU16(bytes, ip + 4, 0xfffe);
    bytes[ip + 9] = udp ? 17 : 6;
  } else {
    writeU16(bytes, ip + 4, end - transport);
    bytes[ip + 6] = udp ? 17 : 6;
  }
  return { frame: bytes.subarray(0, end), ip, transport };
}

function pseudoOf(
  frame: Uint8Array,
  version: 4 | 6,
  ip: number,
  transport: number,
  protocol: number,
): number {
  const addressLength = version === 4 ? 4 : 16;
  return pseudoSumAt(frame, ip + (version === 4 ? 12 : 8), {
    addressLength,
    protocol,
    length: frame.length - transport,
  });
}

describe('cutFrame', () => {
  const random = seededRandom(3);
  const payloadOf = (length: number) => {
    const bytes = new Uint8Array(length);
    random.fill(bytes);
    return bytes;
  };

  it('cuts a TCP segment into segments that are whole, in order and sealed, the last alone with FIN and PSH', () => {
    const cases = fc.record({
      version: fc.constantFrom(4 as const, 6 as const),
      tagged: fc.boolean(),
      length: fc.integer({ min: 1, max: 60_000 }),
      segmentSize: fc.integer({ min: 500, max: 9000 }),
    });
    fc.assert(
      fc.property(cases, ({ version, tagged, length, segmentSize }) => {
        const payload = payloadOf(length);
        const { frame, ip, transport } = unfinished({ version, tagged, payload });
        const frames: Uint8Array[] = [];
        const of = { offset: 0, length: frame.length, segmentSize };
        expect(cutFrame(sinkOf(frames), frame, of)).toBe('sent');
        const joined: number[] = [];
        for (const [index, part] of frames.entries()) {
          const isLast = index === frames.length - 1;
          expect(part.length - transport - 32).toBeLessThanOrEqual(segmentSize);
          expect(verifyTcp(part, transport, part.length, pseudoOf(part, version, ip, transport, 6))).toBe(
            true,
          );
          expect(readU32(part, transport + 4)).toBe((SEQUENCE + joined.length) >>> 0);
          expect((part[transport + 13] ?? 0) & (TCP_FIN | TCP_PSH)).toBe(isLast ? TCP_FIN | TCP_PSH : 0);
          if (version === 4 && frames.length > 1) {
            expect(readU16(part, ip + 2)).toBe(part.length - ip);
            expect(readU16(part, ip + 4)).toBe((0xfffe + index) & 0xffff);
            expect(checksumHolds(part, ip, transport)).toBe(true);
          }
          if (version === 6) expect(readU16(part, ip + 4)).toBe(part.length - transport);
          for (const byte of part.subarray(transport + 32)) joined.push(byte);
        }
        expect(Buffer.from(joined).equals(Buffer.from(payload))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it.each([4, 6] as const)('completes the checksum of a datagram, IPv%i', (version) => {
    const { frame, ip, transport } = unfinished({ version, payload: payloadOf(301), udp: true });
    const frames: Uint8Array[] = [];
    expect(cutFrame(sinkOf(frames), frame, { offset: 0, length: frame.length, segmentSize: 0 })).toBe('sent');
    const [whole = new Uint8Array(0)] = frames;
    expect(verifyUdp(whole, transport, whole.length, pseudoOf(whole, version, ip, transport, 17))).toBe(true);
  });

  it('says when the link takes no more', () => {
    const { frame } = unfinished({ version: 4, payload: payloadOf(10_000) });
    const frames: Uint8Array[] = [];
    const of = { offset: 0, length: frame.length, segmentSize: 1000 };
    expect(cutFrame(sinkOf(frames, 3), frame, of)).toBe('full');
    expect(frames.length).toBe(3);
  });

  it('finds every frame malformed that is not what it says, and throws at none', () => {
    const { frame } = unfinished({ version: 4, payload: payloadOf(3000) });
    const damage = fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(damage, fc.nat(frame.length), fc.nat(2000), (changes, length, segmentSize) => {
        const bytes = frame.slice();
        for (const [at, value] of changes) bytes[at] = value;
        const frames: Uint8Array[] = [];
        const result = cutFrame(sinkOf(frames), bytes, { offset: 0, length, segmentSize });
        if (result === 'malformed') expect(frames).toEqual([]);
        for (const part of frames)
          expect(part.length).toBeLessThanOrEqual(Math.max(length, segmentSize + 90));
      }),
      { numRuns: 2000 },
    );
    expect(cutFrame(sinkOf([]), frame, { offset: 0, length: frame.length - 1, segmentSize: 0 })).toBe(
      'malformed',
    );
  });
});
