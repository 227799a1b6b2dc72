import { once } from 'node:events';
import { link, readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parseForwards } from '../forward/forward-text.ts';
import { liveNetwork } from '../testing/live-network.ts';
import { parseLinkSpec } from './link-spec.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe.each(['native', 'node'] as const)(
  'a network by %s sockets, after kill -9 of the one before',
  (dataPlane) => {
    it('listens again where that has left its sockets, and takes them with it when it goes', async () => {
      const net = await liveNetwork({}, { dataPlane });
      closers.push(() => net.close());
      const kinds = dataPlane === 'native' ? ['qemu', 'vpnkit', 'bess', 'vfkit'] : ['qemu', 'vpnkit'];
      const place = (name: string) => join(net.folder, `${name}.dead`);
      // As a killed process leaves them: by a second name, which its server does not remove.
      const killed = createServer().listen(join(net.folder, 'killed'));
      await once(killed, 'listening');
      for (const name of [...kinds, 'forward']) await link(join(net.folder, 'killed'), place(name));
      killed.close();
      await once(killed, 'close');
      for (const kind of kinds) await net.opened.listen(parseLinkSpec(`${kind}:${place(kind)}`));
      for (const spec of parseForwards(`unix:${place('forward')}:80`))
        await net.opened.network.forwards.add(spec);
      net.opened.close();
      await expect
        .poll(async () => (await readdir(net.folder)).filter((name) => name.endsWith('.dead')))
        .toEqual([]);
    });
  },
);
