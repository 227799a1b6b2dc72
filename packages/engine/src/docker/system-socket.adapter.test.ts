import { readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linkSystemSocket, unlinkSystemSocket } from './system-socket.ts';

let folder: TemporaryFolder;
let link = '';
beforeEach(async () => {
  folder = await temporaryFolder('system-socket');
  link = join(folder.path, 'docker.sock');
});
afterEach(() => folder.remove());

describe('linkSystemSocket', () => {
  it('makes the link, and replaces one to another engine', async () => {
    await symlink('/elsewhere', link);
    await linkSystemSocket({ link, socket: '/home/me/docker.sock' });
    expect(await readlink(link)).toBe('/home/me/docker.sock');
  });

  it('leaves what is no link', async () => {
    await writeFile(link, '');
    await expect(linkSystemSocket({ link, socket: '/s' })).rejects.toMatchObject({
      code: 'engine.socket-busy',
    });
  });

  it('says what root would type where the user may not', async () => {
    const away = join(folder.path, 'none', 'docker.sock');
    await expect(linkSystemSocket({ link: away, socket: '/s' })).rejects.toMatchObject({
      code: 'engine.not-permitted',
      hint: `sudo ln -sfn /s ${away}`,
    });
  });
});

describe('unlinkSystemSocket', () => {
  it('takes away the link to this engine, and no other', async () => {
    await symlink('/mine', link);
    expect(await unlinkSystemSocket({ link, socket: '/other' })).toBe(false);
    expect(await unlinkSystemSocket({ link, socket: '/mine' })).toBe(true);
    expect(await unlinkSystemSocket({ link, socket: '/mine' })).toBe(false);
  });
});
