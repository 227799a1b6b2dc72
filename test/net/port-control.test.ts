import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchText } from '../harness/fetch-text.ts';
import { freePort } from '../harness/free-port.ts';
import type { GuestMachine } from '../harness/guest-machine.ts';
import { Workshop } from '../harness/orlop.ts';

const yaml = fileURLToPath(new URL('port-control.yml', import.meta.url));
const FORWARDS = 60;

/** Debian's cloud kernel has no 9P: this is its generic one, 109 MB to download. */
const KERNEL = `image: kernel-9p
debian:
  layout: split
  packages: [linux-image-amd64]
  without: [initramfs-tools, kmod, linux-base]
  kernel:
    modules: [9p, 9pnet_fd, virtio_net, drivers/virtio, virtio_console, qemu_fw_cfg, fs/overlayfs, arch/*/crypto, crypto, lib/crypto]
`;

describe.runIf(process.env['ORLOP_LONG'] === '1')('VPNKit’s port control, mounted by Linux', () => {
  let workshop: Workshop;
  let machine: GuestMachine;
  let port: number;

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.buildOwnComponent('kernel-9p', KERNEL);
    await workshop.buildComponents(['init', 'runc', 'dhcpcd', 'busybox', 'modprobe']);
    port = await freePort();
    const image = await workshop.buildFiles('nine', [yaml, await portFile(port)]);
    const socket = join(workshop.folder, 'port.sock');
    const up = ['net', 'up', 'nine', '--detach', '--vpnkit-port', socket];
    await workshop.orlopHere([...up, '--forward', `host:5640=unix:${socket}`]);
    const sockets = Array.from({ length: FORWARDS }, (_, at) => `unix:${join(workshop.folder, `${at}`)}:80`);
    await workshop.orlopHere(['net', 'forward', 'add', '--network', 'nine', ...sockets]);
    machine = workshop.boot(image, { network: 'nine' });
    await machine.waitFor(/^exposed$/m);
  });

  afterAll(async () => {
    await machine?.endNow();
    await workshop?.orlopHere(['net', 'down', 'nine']).catch(() => {});
    await workshop?.close();
  });

  async function portFile(first: number): Promise<string> {
    const file = join(workshop.folder, 'port.yml');
    const contents = `${first}\\n`;
    await writeFile(file, `files:\n  - { path: etc/expose/port, contents: "${contents}", mode: "0644" }\n`);
    return file;
  }

  test('lists what does not fit into one message, each once', () => {
    expect(machine.console).toMatch(/^mounted: 0$/m);
    expect(machine.console).toMatch(new RegExp(`^listed: ${FORWARDS + 1} of ${FORWARDS + 1}$`, 'm'));
    expect(machine.console).toMatch(/^README: [1-9]/m);
  });

  test('puts a port in force when its name is written to ctl, and says so there', async () => {
    expect(machine.console).toContain(`answer: OK tcp:127.0.0.1:${port}:tcp:192.168.127.2:80`);
    expect(await fetchText(`http://127.0.0.1:${port}/`, machine)).toBe('this machine answers\n');
  });

  test('ends it with ctl, and takes the same again', async () => {
    const other = `127.0.0.1:${port + 1}:192.168.127.2:80`;
    await workshop.orlopHere(['net', 'forward', 'add', '--network', 'nine', other]);
    await machine.waitFor(/^expose-is-done$/m);
    expect(machine.console).toMatch(/^closed: 0$/m);
    expect(machine.console).toMatch(/^again: 0 OK/m);
  });

  test('ends a port whose folder is removed, whoever asked for it', async () => {
    expect(machine.console).toMatch(/^removed: 0$/m);
    expect(await workshop.orlopHere(['net', 'forward', 'ls', '--network', 'nine'])).not.toContain(
      'tcp:127.0.0.1',
    );
  });

  test('tells what is wrong in words that Linux knows, and goes away', () => {
    expect(machine.console).toMatch(/^wrong: ERROR "wrong" is not PROTO:IP:PORT/m);
    expect(machine.console).toMatch(/touch: file: Permission denied/);
    expect(machine.console).not.toMatch(/unknown error/i);
    expect(machine.console).toMatch(/^unmounted: 0$/m);
  });

  test.each(['9p2000.L', '9p2000.u'])('is 9P2000 for a client that asks for %s', (version) => {
    expect(machine.console).toMatch(new RegExp(`^as ${version}: 1$`, 'm'));
  });
});
