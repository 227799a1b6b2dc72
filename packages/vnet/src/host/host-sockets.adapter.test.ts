import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { describe, onTestFinished } from 'vitest';
import { createNativeSockets } from '../native/native-sockets.ts';
import { Poller } from '../native/poller.ts';
import { describeHostSockets } from '../testing/host-sockets-suite.ts';
import type { HostSockets } from './host-sockets.ts';
import { createNodeSockets } from './node-sockets.ts';

/** Real events, so real time: the loop turns until the condition holds. */
function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadline = performance.now() + 10_000;
    const look = () => {
      if (condition()) resolve();
      else if (performance.now() > deadline) reject(new Error('the condition never held'));
      else setImmediate(look);
    };
    setImmediate(look);
  });
}

async function open(sockets: HostSockets) {
  const folder = await temporaryFolder('sockets');
  onTestFinished(() => folder.remove());
  return { sockets, until, unixPath: join(folder.path, 's') };
}

describe('createNodeSockets', () => {
  describeHostSockets(() => open(createNodeSockets()));
});

describe.skipIf(process.platform !== 'linux')('createNativeSockets', () => {
  describeHostSockets(() => open(createNativeSockets(new Poller(process.platform, process.arch))));
});
