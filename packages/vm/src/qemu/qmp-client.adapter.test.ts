import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectUnixSocket } from '../unix-socket.ts';
import { QmpClient, type QmpEvent } from './qmp-client.ts';

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('qmp');
});
afterAll(() => folder.remove());

/** QEMU listens as soon as this works. */
function closeAtOnce(socket: Socket): true {
  socket.destroy();
  return true;
}

describe('QmpClient', () => {
  it('speaks with a real QEMU: version, status, a refusal, events, the end', async () => {
    const path = join(folder.path, 'qmp.sock');
    const qmpOption = `unix:${path},server=on,wait=off`;
    const args = ['-machine', 'none', '-S', '-display', 'none', '-nodefaults', '-qmp', qmpOption];
    const qemu = spawn('qemu-system-x86_64', args, { stdio: 'ignore' });
    const ended = new Promise((resolve) => qemu.once('exit', resolve));
    try {
      await expect.poll(() => connectUnixSocket(path).then(closeAtOnce, () => false)).toBe(true);
      const socket = await connectUnixSocket(path);
      const events: QmpEvent[] = [];
      const qmp = await QmpClient.connect(socket, { onEvent: (event) => events.push(event) });
      expect(await qmp.execute('query-version')).toMatchObject({ qemu: qmp.version });
      expect(await qmp.execute('query-status')).toMatchObject({ running: false });
      await expect(qmp.execute('no-such-command')).rejects.toMatchObject({
        code: 'vm.qmp-failed',
        message: expect.stringContaining('no-such-command'),
      });
      await qmp.execute('cont');
      await qmp.execute('quit');
      expect(await ended).toBe(0);
      expect(events.map((event) => event.event)).toContain('RESUME');
      await expect(qmp.execute('query-status')).rejects.toMatchObject({ code: 'vm.qmp-closed' });
    } finally {
      qemu.kill('SIGKILL');
    }
  });
});
