import { networkCompliance } from '@orlop/netstack';
import { describe, expect, it } from 'vitest';
import { hostDatagrams, hostStreams } from './host-network.ts';

describe('hostStreams and hostDatagrams', () => {
  const network = { ...hostStreams(), datagrams: hostDatagrams() };
  let next = 20_000 + (process.pid % 10_000);

  for (const { title, run } of networkCompliance) {
    it(title, async () => {
      const pair = {
        server: network,
        client: network,
        serverAddress: '127.0.0.1',
        freePort: () => next++,
      };
      await expect(run(pair)).resolves.toBeUndefined();
    });
  }
});
