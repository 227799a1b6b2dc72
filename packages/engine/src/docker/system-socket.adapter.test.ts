import { once } from 'node:events';
import { mkdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
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
  it('makes the link, and replaces one to nowhere', async () => {
    await symlink('/elsewhere', link);
    await linkSystemSocket({ link, socket: '/home/me/docker.sock' });
    expect(await readlink(link)).toBe('/home/me/docker.sock');
  });

  it('leaves a link to where another program answers, and replaces it when that one has gone', async () => {
    const theirs = join(folder.path, 'theirs.sock');
    const server = createServer().listen(theirs);
    await once(server, 'listening');
    await symlink(theirs, link);
    await expect(linkSystemSocket({ link, socket: '/home/engine/a/docker.sock' })).rejects.toMatchObject({
      code: 'engine.socket-busy',
      message: `${link} leads to ${theirs}, where another program answers`,
    });
    await new Promise((closed) => server.close(closed));
    await linkSystemSocket({ link, socket: '/home/engine/a/docker.sock' });
    expect(await readlink(link)).toBe('/home/engine/a/docker.sock');
  });

  it('replaces a link to another engine of the same home, which answers', async () => {
    const [a, b] = ['a', 'b'].map((name) => join(folder.path, 'engine', name, 'docker.sock')) as [
      string,
      string,
    ];
    await mkdir(dirname(a), { recursive: true });
    const server = createServer().listen(a);
    await once(server, 'listening');
    await symlink(a, link);
    await linkSystemSocket({ link, socket: b });
    expect(await readlink(link)).toBe(b);
    await new Promise((closed) => server.close(closed));
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
