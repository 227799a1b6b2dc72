import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clearSocketPath, removeDeadSocket } from './socket-path.ts';

describe('clearSocketPath', () => {
  let folder: TemporaryFolder;
  const place = (...names: string[]) => join(folder.path, ...names);
  const refused = (message: RegExp) => ({
    code: 'vnet.listen-failed',
    message: expect.stringMatching(message),
  });

  beforeEach(async () => {
    folder = await temporaryFolder('socket-path');
  });

  afterEach(async () => {
    await folder.remove();
  });

  it('makes the folders that are missing, for the user alone', async () => {
    await clearSocketPath(place('a', 'b', 'api.sock'));
    expect(statSync(place('a')).mode & 0o777).toBe(0o700);
    expect(statSync(place('a', 'b')).mode & 0o777).toBe(0o700);
  });

  it('comes back from a file system that makes no folders, with the reason', async () => {
    await expect(clearSocketPath('/proc/a/b/api.sock')).rejects.toMatchObject(
      refused(/cannot make the folder of \/proc\/a\/b\/api\.sock/),
    );
  });

  it('never removes what is no socket: a file, a folder, a link', async () => {
    await writeFile(place('file'), 'kept');
    await mkdir(place('folder'));
    await symlink(place('file'), place('link'));
    for (const path of [place('file'), place('folder'), place('link')]) {
      await expect(clearSocketPath(path)).rejects.toMatchObject(
        refused(/is there already, and is no socket/),
      );
    }
    expect(readFileSync(place('link'), 'utf8')).toBe('kept');
  });

  it('refuses a socket that somebody answers on, and removes one that nobody does', async () => {
    const server: Server = createServer().listen(place('live.sock'));
    await once(server, 'listening');
    await expect(clearSocketPath(place('live.sock'))).rejects.toMatchObject(refused(/somebody listens/));
    // As a process that was killed leaves it: by a second name, which the server does not remove.
    await link(place('live.sock'), place('dead.sock'));
    server.close();
    await once(server, 'close');
    expect(existsSync(place('dead.sock'))).toBe(true);
    await clearSocketPath(place('dead.sock'));
    expect(existsSync(place('dead.sock'))).toBe(false);
  });

  it('refuses a path that no socket can have, instead of cutting it off', async () => {
    await expect(clearSocketPath(place('a'.repeat(108)))).rejects.toMatchObject({
      code: 'vnet.path-too-long',
      message: expect.stringMatching(/longer than .*107/),
    });
    await expect(clearSocketPath('')).rejects.toMatchObject(refused(/is empty/));
  });
});

describe('removeDeadSocket', () => {
  it('removes a socket that nobody has, and leaves a file, a live socket, and nothing at all', async () => {
    const folder = await temporaryFolder('dead-socket');
    const place = (name: string) => join(folder.path, name);
    await writeFile(place('file'), 'kept');
    const server = createServer().listen(place('live'));
    await once(server, 'listening');
    const killed = createServer().listen(place('killed'));
    await once(killed, 'listening');
    await link(place('killed'), place('dead'));
    killed.close();
    await once(killed, 'close');
    for (const name of ['file', 'live', 'dead', 'nothing']) await removeDeadSocket(place(name));
    expect(['file', 'live', 'dead', 'nothing'].map((name) => existsSync(place(name)))).toEqual([
      ...[true, true, false, false],
    ]);
    server.close();
    await folder.remove();
  });
});
