import type { FrameSink, Stack, TcpSettings } from '@orlop/netstack';
import { createStack, IpPrefix } from '@orlop/netstack';
import { seededRandom } from '@orlop/testkit';

/** Frames behind one another in one buffer, as a link writes them. */
export class BatchSink implements FrameSink {
  readonly buffer = new Uint8Array(4 << 20);
  /** IP and TCP headers then lie on multiples of four. */
  offset = 2;
  readonly starts: number[] = [];
  readonly lengths: number[] = [];

  reserve(maxLength: number): boolean {
    return this.offset + maxLength <= this.buffer.length;
  }

  commit(length: number): void {
    this.starts.push(this.offset);
    this.lengths.push(length);
    this.offset += (length + 7) & ~3;
  }

  clear(): void {
    this.offset = 2;
    this.starts.length = 0;
    this.lengths.length = 0;
  }
}

export interface PairOptions {
  readonly mtu: number;
  readonly trusted: boolean;
  readonly tcp?: TcpSettings;
}

export interface PairHost {
  readonly stack: Stack;
  readonly prefix: IpPrefix;
  readonly sink: BatchSink;
}

/** Two hosts in one process. */
export function createPair(options: PairOptions): readonly [PairHost, PairHost] {
  return [createPairHost(1, options), createPairHost(2, options)];
}

function createPairHost(id: number, { mtu, trusted, tcp }: PairOptions): PairHost {
  const prefix = IpPrefix.parse(`10.0.0.${id}/16`);
  if (prefix === undefined) throw new Error('prefix');
  const stack = createStack({
    mac: 0x020000000000 + id,
    addresses: [prefix],
    random: seededRandom(id),
    mtu,
    trustedLink: trusted,
    ...(tcp === undefined ? {} : { tcp }),
  });
  return { stack, prefix, sink: new BatchSink() };
}

/** Lets each host send once and the other hear it at once; returns the number of frames. */
export function exchange([a, b]: readonly [PairHost, PairHost], now: number): number {
  return carry(a, b, now) + carry(b, a, now);
}

function carry(from: PairHost, to: PairHost, now: number): number {
  const { sink } = from;
  from.stack.poll(now, sink);
  for (let index = 0; index < sink.starts.length; index++) {
    to.stack.receive(sink.buffer, now, sink.starts[index], sink.lengths[index]);
  }
  const count = sink.starts.length;
  sink.clear();
  return count;
}
