import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { IpAddress } from '@orlop/netstack';
import { temporaryFolder } from '@orlop/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
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

const SILENT = { onOpen: () => {}, onReadable: () => {}, onWritable: () => {}, onFailed: () => {} };

describe('createNodeSockets', () => {
  describeHostSockets(() => open(createNodeSockets()));

  it.skipIf(process.platform !== 'linux')(
    'keeps no descriptor of a port that somebody else has',
    async () => {
      const sockets = createNodeSockets();
      const address = IpAddress.v4(0x7f000001);
      const events = { onDatagram: () => {}, onFailed: () => {} };
      const holder = await sockets.bindDatagram(address, 0, events);
      onTestFinished(() => holder.close());
      const port = holder.local.kind === 'ip' ? holder.local.port : 0;
      const count = () => readdirSync('/proc/self/fd').length;
      const before = count();
      for (let attempt = 0; attempt < 5; attempt++) {
        await expect(sockets.bindDatagram(address, port, events)).rejects.toMatchObject({
          code: 'vnet.bind-failed',
        });
      }
      await until(() => count() <= before);
    },
  );
});

describe.skipIf(process.platform !== 'linux')('createNativeSockets', () => {
  const poller = new Poller(process.platform, process.arch);
  describeHostSockets(() => open(createNativeSockets(poller)));

  it('has a connection within the host, or its refusal, by the time that connect returns', async () => {
    const sockets = createNativeSockets(poller);
    const local = { kind: 'ip', address: IpAddress.v4(0x7f000001), port: 0 } as const;
    const listener = await sockets.listen(local, () => SILENT);
    const stream = sockets.connect(listener.local, SILENT, { mayOpenAtOnce: true });
    expect(stream.isOpen).toBe(true);
    expect(stream.write(Uint8Array.of(1))).toBe(1);
    stream.close();
    const { local: gone } = listener;
    listener.close();
    const failures: string[] = [];
    const events = { ...SILENT, onFailed: (failure: string) => failures.push(failure) };
    expect(sockets.connect(gone, events, { mayOpenAtOnce: true }).isOpen).toBe(false);
    expect(failures).toEqual([]);
    await until(() => failures.length > 0);
    expect(failures).toEqual(['refused']);
  });
});
