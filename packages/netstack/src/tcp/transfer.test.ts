import { describe, expect, it } from 'vitest';
import type { TcpSocket } from '../face.ts';
import type { LinkConditions } from '../link/memory-link.ts';
import { runTransfer } from '../testing/transfer.ts';
import { twoHosts } from '../testing/two-hosts.ts';

const CONDITIONS: Record<string, LinkConditions> = {
  clean: {},
  'loss 1 %': { loss: 0.01, delayMs: 5 },
  'loss 10 %': { loss: 0.1, delayMs: 5 },
  'loss 20 %': { loss: 0.2, delayMs: 5 },
  reorder: { reorder: 0.2, reorderMs: 8, delayMs: 2 },
  duplicate: { duplicate: 0.2, delayMs: 2 },
  corrupt: { corrupt: 0.05, delayMs: 2 },
  everything: { loss: 0.05, reorder: 0.1, duplicate: 0.05, corrupt: 0.02, delayMs: 10 },
  'slow with a short queue': { bytesPerMs: 125, queueFrames: 20, delayMs: 20 },
};

const STACKS = {
  'cubic, SACK, timestamps': {},
  'reno, SACK': { congestion: 'reno', timestamps: false },
  'reno, timestamps': { congestion: 'reno', selectiveAcknowledgment: false },
  'cubic alone': { timestamps: false, selectiveAcknowledgment: false },
} as const;

describe('Tcp', () => {
  for (const [linkName, conditions] of Object.entries(CONDITIONS)) {
    for (const [stackName, tcp] of Object.entries(STACKS)) {
      for (const version of [4, 6] as const) {
        it(`carries every byte once and in order, and closes both sides: ${linkName}, ${stackName}, IPv${version}`, () => {
          for (const seed of [1, 2]) {
            const hosts = twoHosts({ seed, conditions, version, stack: { tcp } });
            const result = runTransfer({ hosts, upBytes: 150_000, downBytes: 90_000 });
            expect({ seed, ...result }).toMatchObject({
              seed,
              finished: true,
              problems: [],
              reasons: ['a: finished', 'b: finished'],
            });
          }
        });
      }
    }
  }

  it.each([
    ['all', 65_536],
    ['a part', 5000],
    ['nothing', 0],
  ])('carries every byte once and in order when %s of a frame is used as it arrives', (_what, usedAtOnce) => {
    for (const seed of [1, 2, 3]) {
      const conditions = { loss: 0.02, reorder: 0.05, reorderMs: 4, delayMs: 2 };
      const hosts = twoHosts({ seed, conditions, stack: { mtu: 65_520 } });
      const result = runTransfer({ hosts, upBytes: 6_000_000, downBytes: 100_000, usedAtOnce });
      expect({ seed, ...result }).toMatchObject({ seed, finished: true, problems: [] });
      expect(hosts.b.stack.tcp.bufferedBytes).toBe(0);
    }
  });

  it.each([1500, 65_520])(
    'holds up no sender whose window is used up, when bytes are used as they arrive at MTU %i',
    (mtu) => {
      const receiveBuffer = { initial: 65_536, max: 1 << 20 };
      const tcp = { quickAcks: 0, delayedAckMs: 40, receiveBuffer };
      const { a, b, simulation } = twoHosts({ seed: 9, stack: { mtu, tcp } });
      let taken = 0;
      b.stack.tcp.listen({ port: 7 }, () => ({
        onBytes: (_socket, _bytes, _from, length) => {
          taken += length;
          return length;
        },
        onReadable: (socket) => {
          taken += socket.readable;
          socket.consume(socket.readable);
        },
      }));
      const total = 1_000_000;
      let written = 0;
      const push = (socket: TcpSocket): void => {
        written += socket.write(new Uint8Array(total - written));
      };
      const remote = { address: b.address, port: 7 };
      a.stack.tcp.connect({ remote }, { onOpen: push, onWritable: push });
      simulation.run(() => taken === total, 1000);
      expect(taken).toBe(total);
      expect(simulation.now).toBeLessThan(40);
    },
  );

  it.each(Object.entries(STACKS))(
    'does not wait for ever for who reads nothing before all that it wrote is acknowledged: %s',
    (_name, tcp) => {
      const stack = { tcp: { ...tcp, receiveBuffer: { initial: 4000, max: 4000 } } };
      for (let seed = 1; seed <= 10; seed++) {
        const hosts = twoHosts({ seed, stack, conditions: { loss: 0.02, delayMs: 5 } });
        const sizes = { upBytes: 60_000, downBytes: 150_000 };
        const result = runTransfer({ hosts, ...sizes, readsLast: true, untilMs: 120_000 });
        expect({ seed, ...result }).toMatchObject({ seed, finished: true, problems: [] });
      }
    },
  );

  it.each([576, 1280, 1500, 9000, 65_520])('carries bulk at MTU %i', (mtu) => {
    const hosts = twoHosts({ seed: mtu, conditions: { loss: 0.005, delayMs: 1 }, stack: { mtu } });
    const result = runTransfer({ hosts, upBytes: 2_000_000, downBytes: 1_000_000 });
    expect(result).toMatchObject({ finished: true, problems: [] });
  });
});
