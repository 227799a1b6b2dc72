import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GuestMachine } from '../harness/guest-machine.ts';
import { Workshop } from '../harness/orlop.ts';

const yaml = fileURLToPath(new URL('netem.yml', import.meta.url));
const MTUS = [576, 1500, 9000, 65_520] as const;
const CONDITIONS = ['clean', 'delay', 'loss', 'reorder', 'duplicate', 'everything'] as const;
const LENGTH_DIGITS = 9;
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

const COMPONENT = `image: netem
debian:
  packages: [iproute2, netcat-openbsd, busybox-static]
  without: [adduser, debconf]
  symlinks:
    - { folder: usr/local/bin, names-file: applets.txt, target: /usr/bin/busybox }
  entrypoint: []
  cmd: [sh]
  env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin"]
`;

/**
 * Takes a length, and bytes to their end; gives as many of its own meanwhile, their hash first, and at last the hash of
 * those that came.
 */
async function serve(socket: Socket): Promise<void> {
  let held = Buffer.alloc(0);
  let hasBegun = false;
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    held = Buffer.concat([held, chunk as Buffer]);
    if (hasBegun || held.length < LENGTH_DIGITS) continue;
    hasBegun = true;
    const own = randomBytes(Number(held.subarray(0, LENGTH_DIGITS).toString()));
    socket.write(Buffer.concat([Buffer.from(md5(own)), own]));
  }
  socket.end(md5(held.subarray(LENGTH_DIGITS)));
}

describe.runIf(process.env['ORLOP_LONG'] === '1')('the gateway’s TCP against Linux’s, by netem', () => {
  let workshop: Workshop;
  let server: Server;
  let machine: GuestMachine;

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.buildOwnComponent('netem', COMPONENT, ['pkg/busybox/applets.txt']);
    await workshop.buildComponents(['kernel', 'init', 'runc', 'dhcpcd', 'modprobe']);
    server = createServer({ allowHalfOpen: true }, (socket) => {
      serve(socket).catch(() => socket.destroy());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = join(workshop.folder, 'port.yml');
    const contents = `${(server.address() as AddressInfo).port}\\n`;
    await writeFile(port, `files:\n  - { path: etc/transfer/port, contents: "${contents}", mode: "0644" }\n`);
    machine = workshop.boot(await workshop.buildFiles('netem', [yaml, port]), { network: 'netem' });
    await machine.waitFor(/^transfers-are-done$/m, 500_000);
  });

  afterAll(async () => {
    await machine?.endNow();
    server?.close();
    await workshop?.orlopHere(['net', 'down', 'netem']).catch(() => {});
    await workshop?.close();
  });

  test('is impaired by netem, in and out, each time', () => {
    expect(machine.console.match(/^netem .*: 0$/gm)).toHaveLength(MTUS.length * CONDITIONS.length);
  });

  describe.each(MTUS)('at MTU %i', (mtu) => {
    test.each(CONDITIONS)('loses, changes and repeats no byte, both ways: %s', (condition) => {
      expect(machine.console).toMatch(new RegExp(`^${condition}, MTU ${mtu}: whole$`, 'm'));
    });
  });
});
