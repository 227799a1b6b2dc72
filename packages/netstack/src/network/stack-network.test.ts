import { describe, expect, it } from 'vitest';
import type { LinkConditions } from '../link/memory-link.ts';
import { twoHosts } from '../testing/two-hosts.ts';
import { networkCompliance } from './compliance.ts';
import { stackDatagrams } from './stack-datagrams.ts';
import { stackStreams } from './stack-streams.ts';

const LINKS: Record<string, LinkConditions> = {
  clean: { delayMs: 1 },
  lossy: { loss: 0.05, reorder: 0.1, duplicate: 0.05, delayMs: 3 },
};

describe('stackStreams', () => {
  it.each([
    [{}, 183_000],
    [{ synRetries: 5 }, 63_000],
  ])('gives up who does not answer, how often asked is its user’s to say: %j', async (how, untilMs) => {
    const { a, b, simulation } = twoHosts({ seed: 5, conditions: { delayMs: 1 } });
    b.stack.tcp.listenAny(() => {});
    const remote = { address: b.address.toString(), port: 7 };
    let failure: unknown;
    stackStreams(a.stack.tcp, how)
      .connect(remote)
      .catch((error) => {
        failure = error.code;
      });
    for (const [atMs, expected] of [
      [untilMs - 1000, undefined],
      [untilMs + 1000, 'netstack.timeout'],
    ] as const) {
      simulation.run(() => false, atMs);
      await new Promise((resolve) => setImmediate(resolve));
      expect([atMs, failure]).toEqual([atMs, expected]);
    }
  });
});

describe('stackStreams and stackDatagrams', () => {
  for (const [name, conditions] of Object.entries(LINKS)) {
    for (const version of [4, 6] as const) {
      for (const { title, run } of networkCompliance) {
        // A datagram may be lost: that is no fault of the stack.
        if (name === 'lossy' && title.includes('datagram')) continue;
        it(`${title} (${name} link, IPv${version})`, async () => {
          const hosts = twoHosts({ seed: 5, conditions, version });
          const networkOf = ({ stack }: typeof hosts.a) => ({
            ...stackStreams(stack.tcp),
            datagrams: stackDatagrams(stack.udp),
          });
          let port = 1000;
          const pair = {
            server: networkOf(hosts.b),
            client: networkOf(hosts.a),
            serverAddress: hosts.b.address.toString(),
            freePort: () => port++,
          };
          let state: 'running' | 'done' = 'running';
          const running = run(pair).finally(() => {
            state = 'done';
          });
          running.catch(() => {});
          const isDone = () => state === 'done';
          for (let turn = 0; turn < 100_000 && !isDone(); turn++) {
            hosts.simulation.run(() => true, hosts.simulation.now); // what programs wrote goes out
            hosts.simulation.run(isDone, hosts.simulation.now + 1);
            await new Promise((resolve) => setImmediate(resolve));
          }
          await expect(running).resolves.toBeUndefined();
        });
      }
    }
  }
});
