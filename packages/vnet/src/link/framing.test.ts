import { seededRandom } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { type HostEndpoint, type HostStream, WOULD_BLOCK } from '../host/host-sockets.ts';
import { type Framing, littleEndian16Framing, qemuFraming } from './framing.ts';
import { copyFrame, type LinkHandler } from './link.ts';
import { StreamLink } from './stream-link.ts';

const NOWHERE: HostEndpoint = { kind: 'unix', path: '' };

/** A stream that gives and takes as many bytes at a time as it is told. */
class ChoppyStream implements HostStream {
  readonly remote = NOWHERE;
  readonly local = NOWHERE;
  readonly isOpen = true;
  readonly incoming: number[] = [];
  readonly outgoing: number[] = [];
  closed = false;
  takes = Number.POSITIVE_INFINITY;
  gives = Number.POSITIVE_INFINITY;
  ended = false;

  read(into: Uint8Array): number {
    const bytes = this.incoming.splice(0, Math.min(into.length, this.gives));
    if (bytes.length === 0) return this.ended ? 0 : WOULD_BLOCK;
    into.set(bytes);
    return bytes.length;
  }

  write(from: Uint8Array, at = 0, length = from.length - at): number {
    const count = Math.min(length, this.takes);
    for (const byte of from.subarray(at, at + count)) this.outgoing.push(byte);
    return count;
  }

  wantRead(): void {}
  end(): void {}
  close(): void {
    this.closed = true;
  }
  reset(): void {
    this.closed = true;
  }
}

function recorder() {
  const frames: string[] = [];
  const events: string[] = [];
  const handler: LinkHandler = {
    onFrame: (buffer, offset, length) =>
      frames.push(Buffer.from(buffer.slice(offset, offset + length)).toString('hex')),
    onBatchEnd: () => events.push('batch'),
    onDrained: () => events.push('drained'),
    onClosed: (reason) => events.push(`closed: ${reason}`),
  };
  return { frames, events, handler };
}

function open(framing: Framing, maxQueueBytes?: number) {
  const stream = new ChoppyStream();
  const options = {
    kind: 'qemu' as const,
    framing,
    peer: '',
    mtu: 1500,
    ...(maxQueueBytes && { maxQueueBytes }),
  };
  const link = new StreamLink(stream, options);
  const recorded = recorder();
  link.open(recorded.handler);
  return { stream, link, ...recorded };
}

describe.each([
  ['qemuFraming', qemuFraming, [0, 0, 0, 60]],
  ['littleEndian16Framing', littleEndian16Framing, [60, 0]],
] as const)('StreamLink with %s', (_name, framing, prefix) => {
  it('writes the length before each frame, and many frames at once', () => {
    const { stream, link } = open(framing);
    copyFrame(link, new Uint8Array(60).fill(1), 0, 60);
    copyFrame(link, new Uint8Array(60).fill(2), 0, 60);
    expect(stream.outgoing).toEqual([]);
    link.flush();
    expect(stream.outgoing).toEqual([...prefix, ...Array(60).fill(1), ...prefix, ...Array(60).fill(2)]);
  });

  it('finds the frames whatever pieces the bytes come in (seed 5)', () => {
    const random = seededRandom(5);
    const sent: string[] = [];
    const { stream, link, frames } = open(framing);
    for (let i = 0; i < 200; i++) {
      const frame = new Uint8Array(14 + (random.u32() % 3000));
      random.fill(frame);
      sent.push(Buffer.from(frame).toString('hex'));
      const header = new Uint8Array(framing.prefixLen);
      framing.writeLength(header, 0, frame.length);
      stream.incoming.push(...header, ...frame);
      stream.gives = 1 + (random.u32() % 2000);
      link.onReadable();
    }
    stream.gives = Number.POSITIVE_INFINITY;
    link.onReadable();
    expect(frames).toEqual(sent);
  });

  it('stops at its bound when the other side takes nothing, and goes on where it stopped', () => {
    const { stream, link, events } = open(framing, 128 * 1024);
    stream.takes = 1000;
    let accepted = 0;
    while (copyFrame(link, new Uint8Array(1514).fill(accepted & 0xff), 0, 1514)) accepted++;
    expect(accepted).toBeGreaterThan(80);
    expect(accepted).toBeLessThan(90);
    stream.takes = Number.POSITIVE_INFINITY;
    link.onWritable();
    expect(events).toEqual(['drained']);
    expect(stream.outgoing.length).toBe(accepted * (1514 + framing.prefixLen));
  });

  it('closes when the other side does', () => {
    const { stream, link, events } = open(framing);
    stream.ended = true;
    link.onReadable();
    expect(events).toEqual(['closed: the other side closed']);
    expect(stream.closed).toBe(true);
  });
});

describe('StreamLink', () => {
  it('closes on a length that no frame has', () => {
    const { stream, link, events } = open(qemuFraming);
    stream.incoming.push(...Buffer.from('GET / HTTP/1.1\r\n'));
    link.onReadable();
    expect(events).toEqual([
      'closed: a frame of 1195725856 bytes was announced: the other side does not speak qemu',
    ]);
  });
});
