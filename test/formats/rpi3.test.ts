import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GuestMachine } from '../harness/guest-machine.ts';
import { Workshop } from '../harness/orlop.ts';

const run = promisify(execFile);

describe('a boot partition for a Raspberry Pi 3', () => {
  let workshop: Workshop;

  beforeAll(async () => {
    workshop = await Workshop.open();
  });
  afterAll(() => workshop?.close());

  test('boots on an emulated one until its service runs, out of the files of the archive', async () => {
    const yaml = fileURLToPath(new URL('rpi3.yml', import.meta.url));
    const base = await workshop.buildFiles('rpi', ['--arch', 'arm64', '--format', 'rpi3', yaml]);
    const folder = join(workshop.folder, 'card');
    await mkdir(folder);
    await run('tar', ['-C', folder, '-xf', `${base}.tar`]);
    // QEMU has no such firmware: it does what config.txt tells the firmware to do.
    const cmdline = (await readFile(join(folder, 'cmdline.txt'), 'utf8')).trim();
    const words = [
      ...['-M', 'raspi3b', '-kernel', 'kernel8.img', '-initrd', 'initrd.img', '-append', cmdline],
      ...['-dtb', 'bcm2837-rpi-3-b.dtb', '-display', 'none', '-no-reboot', '-monitor', 'none'],
      // The second serial line is the one on the pins.
      ...['-serial', 'null', '-serial', 'stdio'],
    ];
    const child = spawn('qemu-system-aarch64', words, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
    const machine = new GuestMachine(child, async () => void child.kill('SIGTERM'));
    try {
      await machine.waitFor(/service hello started/);
      expect(machine.console).toContain('Machine model: Raspberry Pi 3 Model B');
    } finally {
      await machine.endNow();
    }
  });
});
