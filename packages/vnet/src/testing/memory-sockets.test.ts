import { describe } from 'vitest';
import { describeHostSockets } from './host-sockets-suite.ts';
import { MemorySockets } from './memory-sockets.ts';
import { VirtualScheduler } from './virtual-scheduler.ts';

describe('MemorySockets', () => {
  describeHostSockets(async () => {
    const scheduler = new VirtualScheduler();
    return {
      sockets: new MemorySockets(scheduler),
      unixPath: '/run/test.sock',
      until: async (condition) => {
        for (let i = 0; i < 10_000; i++) {
          scheduler.advance(1);
          if (condition()) return;
        }
        throw new Error('the condition never held');
      },
    };
  });
});
