import { randomBytes } from 'node:crypto';
import { open, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { machineFiles } from '../machine-folder.ts';
import { runTool } from '../run-tool.ts';
import { createFixture, type Fixture, readUntil } from '../testing/fixture.ts';

// Each takes a second or two; a guest that does not speak shall not hold up the suite.
vi.setConfig({ testTimeout: 30_000 });

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
});
afterEach(() => fixture.end());

const start = (name: string, options: { readonly fromSaved?: boolean; readonly memoryMiB?: number } = {}) =>
  fixture.driver.start(
    { ...fixture.spec, ...(options.memoryMiB !== undefined && { memoryMiB: options.memoryMiB }) },
    {
      folder: fixture.folder(name),
      accelerator: 'tcg',
      paused: true,
      ...(options.fromSaved !== undefined && { fromSaved: options.fromSaved }),
    },
  );

/** A machine whose guest has said that it is ready. */
async function startReady(name: string) {
  const machine = await start(name);
  const console = await machine.console.open();
  const ready = readUntil(console, 'ready\n');
  await machine.resume();
  await ready;
  console.destroy();
  return machine;
}

describe('Machine.save', () => {
  it('writes a state, for the user alone, from which a start goes on', async () => {
    const machine = await startReady('on');
    const saved = await machine.save();
    expect(await machine.state()).toMatchObject({ kind: 'stopped', reason: 'saved' });
    expect(await machine.saved()).toMatchObject(saved);
    const path = join(machine.folder, machineFiles.saved);
    expect([(await stat(path)).mode & 0o777, (await stat(path)).size]).toEqual([0o600, saved.sizeBytes]);

    const again = await start('on', { fromSaved: true });
    const console = await again.console.open();
    const echo = readUntil(console, 'abc');
    await again.resume();
    console.write('abc');
    // The guest echoes at once, and does not start with "ready" as one that boots.
    expect(await echo).toBe('abc');
    expect(await readFile(again.console.logPath, 'latin1')).not.toContain('ready');
    expect(await again.saved()).toBeUndefined();
  });

  it('leaves a machine running that holds a device whose state cannot be saved', async () => {
    const machine = await fixture.driver.start(
      { ...fixture.spec, passthrough: { usb: false, devices: ['nvme,serial=1'] } },
      { folder: fixture.folder('device'), accelerator: 'tcg' },
    );
    await expect(machine.save()).rejects.toMatchObject({
      code: 'vm.save-refused',
      message: expect.stringContaining('nvme'),
    });
    expect((await machine.state()).kind).toBe('running');
    expect(await machine.saved()).toBeUndefined();
  });
});

describe('Machine.backupDisk', () => {
  it('copies a disk that is in use, and takes no room for holes', async () => {
    const path = join(fixture.root.path, 'data.img');
    const content = randomBytes(3 << 20);
    await writeFile(path, content);
    await truncate(path, 64 << 20);
    const machine = await fixture.driver.start(
      { ...fixture.spec, disks: [{ path, format: 'raw' }] },
      { folder: fixture.folder('backup'), accelerator: 'tcg' },
    );
    const copy = join(fixture.root.path, 'copy.qcow2');
    await (await machine.backupDisk(0, copy)).finish();
    expect((await stat(copy)).mode & 0o777).toBe(0o600);
    // In units of 512 bytes (stat(2)).
    expect((await stat(copy)).blocks * 512).toBeLessThan(8 << 20);
    const again = join(fixture.root.path, 'again.qcow2');
    await (await machine.backupDisk(0, again)).finish();
    const raw = join(fixture.root.path, 'again.img');
    const { status } = await runTool('/usr/bin/qemu-img', [
      'convert',
      '-f',
      'qcow2',
      '-O',
      'raw',
      again,
      raw,
    ]);
    expect(status).toBe(0);
    expect((await readFile(raw)).equals(await readFile(path))).toBe(true);
    await expect(machine.backupDisk(1, again)).rejects.toMatchObject({ code: 'vm.bad-spec' });
  });
});

describe('QemuDriver.start from a saved state', () => {
  it('refuses when nothing was saved', async () => {
    await expect(start('none', { fromSaved: true })).rejects.toMatchObject({ code: 'vm.not-saved' });
  });

  it('keeps the state until the guest runs', async () => {
    const machine = await startReady('kept');
    const saved = await machine.save();
    await (await start('kept', { fromSaved: true })).kill();
    expect(await machine.saved()).toMatchObject(saved);
    const again = await start('kept', { fromSaved: true });
    await again.resume();
    expect(await again.saved()).toBeUndefined();
  });

  it('refuses a state of other settings, and of a disk that was written to since', async () => {
    const machine = await startReady('stale');
    await machine.save();
    await expect(start('stale', { fromSaved: true, memoryMiB: 32 })).rejects.toMatchObject({
      code: 'vm.save-stale',
    });
    const { boot } = fixture.spec;
    if (boot.kind === 'disk') await utimes(boot.path, 1, 1);
    await expect(start('stale', { fromSaved: true })).rejects.toMatchObject({ code: 'vm.save-stale' });
    expect((await start('stale')).folder).toBe(machine.folder);
  });

  it('finds one flipped bit before the guest runs, and leaves no process', async () => {
    const machine = await startReady('bit');
    const { sizeBytes } = await machine.save();
    const file = await open(join(machine.folder, machineFiles.saved), 'r+');
    const byte = Buffer.alloc(1);
    const at = Math.floor(sizeBytes * 0.7);
    await file.read(byte, 0, 1, at);
    await file.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at);
    await file.close();
    await expect(start('bit', { fromSaved: true })).rejects.toMatchObject({ code: 'vm.save-damaged' });
    expect(await machine.state()).toMatchObject({ kind: 'stopped', reason: 'start-failed' });
    expect(await machine.saved()).toBeUndefined();
  });

  it('finds a state that was cut off', async () => {
    const machine = await startReady('cut');
    const { sizeBytes } = await machine.save();
    const file = await open(join(machine.folder, machineFiles.saved), 'r+');
    await file.truncate(sizeBytes - 100);
    await file.close();
    await expect(start('cut', { fromSaved: true })).rejects.toMatchObject({ code: 'vm.not-saved' });
  });
});
