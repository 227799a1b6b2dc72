import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GuestMachine } from '../harness/guest-machine.ts';
import { Workshop } from '../harness/orlop.ts';

/** One machine with everything that `orlop run` can give one, and what its guest says of it. */
describe('orlop run gives a machine', () => {
  let workshop: Workshop;
  let folder: string;
  let machine: GuestMachine;

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.buildComponents(['kernel', 'init', 'runc', 'busybox']);
    folder = await mkdtemp(join(tmpdir(), 'orlop-hardware-'));
    for (const name of ['one', 'two']) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'told'), `share ${name}\n`);
    }
    await writeFile(join(folder, 'data'), 'told by a file');
    const image = await workshop.buildFiles('hardware', [
      fileURLToPath(new URL('hardware.yml', import.meta.url)),
    ]);
    machine = workshop.boot(image, {
      flags: [
        ...['--cpus', '2', '--data-file', join(folder, 'data'), '--state', join(folder, 'state')],
        ...['--disk', 'size=16M', '--disk', `file=${join(folder, 'a.qcow2')},size=32M`],
        ...['--disk', `${join(folder, 'b.vmdk')},size=48M,format=vmdk`],
        ...['--virtiofs', join(folder, 'one'), '--virtiofs', `sources=${join(folder, 'two')}`],
        ...['--usb', '--device', 'usb-tablet', '--display', 'vnc=unix:screen.sock'],
      ],
    });
    await machine.waitFor(/all-is-seen/);
  });

  afterAll(async () => {
    await machine?.endNow();
    await workshop?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('disks of several formats, in their order', () => {
    const sectors = (mebibytes: number) => mebibytes * 2048;
    expect(machine.console).toMatch(new RegExp(`^disk vda: ${sectors(16)}\\r?$`, 'm'));
    expect(machine.console).toMatch(new RegExp(`^disk vdb: ${sectors(32)}\\r?$`, 'm'));
    expect(machine.console).toMatch(new RegExp(`^disk vdc: ${sectors(48)}\\r?$`, 'm'));
  });

  test('processors, a network card and a CD-ROM with metadata', () => {
    expect(machine.console).toMatch(/^processors: 2\r?$/m);
    expect(machine.console).toMatch(/^cards: eth0 lo \r?$/m);
    expect(machine.console).toMatch(/^config: told by a file\r?$/m);
  });

  test('shares by virtiofsd, under tags of LinuxKit’s and of the user’s, which the guest writes to', async () => {
    expect(machine.console).toMatch(/^share virtiofs0: share one\r?$/m);
    expect(machine.console).toMatch(/^share sources: share two\r?$/m);
    for (const name of ['one', 'two'])
      expect(await readFile(join(folder, name, 'answer'), 'utf8')).toBe('by the guest\n');
  });

  test('a USB controller (PCI class 0c0330) and a screen (030000), which a viewer of VNC is shown', async () => {
    expect(machine.console).toMatch(/^pci: .*0x030000 .*0x0c0330 /m);
    const viewer = connect(join(folder, 'state', 'screen.sock'));
    const [greeting] = (await viewer.take(1).toArray()) as [Buffer];
    viewer.destroy();
    // RFC 6143 §7.1.1.
    expect(String(greeting)).toMatch(/^RFB 003\.00\d\n$/);
  });
});
