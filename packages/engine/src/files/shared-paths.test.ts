import { describe, expect, it } from 'vitest';
import { SharedPaths } from './shared-paths.ts';

const links: Readonly<Record<string, string>> = { '/home/u/out': '/data/x', '/home/u/in': '/home/u/src' };
const missing = new Set(['/home/u/out/new', '/home/u/new', '/home/u/new/deeper']);
const paths = new SharedPaths({
  shares: () => ['/home/u', '/srv'],
  setting: () => ['/home/u', '/srv:ro'],
  dockerSocket: '/home/u/.orlop/engine/default/docker.sock',
  resolveLinks: async (path) => {
    if (missing.has(path)) throw new Error('ENOENT');
    return links[path] ?? path;
  },
});

describe('SharedPaths.refusal', () => {
  it('lets through what is shared, and what is made there by the mount', async () => {
    for (const path of [
      '/home/u',
      '/home/u/',
      '/home/u/a/../b',
      '/srv/x',
      '/home/u/in',
      '/home/u/new/deeper',
    ]) {
      expect([path, await paths.refusal(path)]).toEqual([path, undefined]);
    }
  });

  it("lets through what is the machine's own", async () => {
    for (const path of [
      '/',
      '/var/run/docker.sock',
      '/run/docker.sock',
      '/var/lib/docker',
      '/proc',
      '/sys/fs',
      '/dev',
    ]) {
      expect([path, await paths.refusal(path)]).toEqual([path, undefined]);
    }
  });

  it('gives a command that a shell takes as it is meant', async () => {
    expect(await paths.refusal("/it's mine")).toContain(
      `orlop config set shares '/home/u,/srv:ro,/it'\\''s mine' && orlop restart`,
    );
  });

  it('names the setting for what is not shared', async () => {
    expect(await paths.refusal('/home/user2')).toBe(
      'mounts denied: /home/user2 is not shared with the engine. Share it or a folder above it, then restart: ' +
        'orlop config set shares /home/u,/srv:ro,/home/user2 && orlop restart',
    );
    expect(await paths.refusal('/home/u/../v')).toContain('/home/v is not shared');
    expect(await paths.refusal('/procedures')).toContain('is not shared');
  });

  it('refuses what is in a share that has lost its server, and nothing else', async () => {
    const some = new SharedPaths({
      shares: () => ['/home/u', '/srv'],
      lost: () => ['/srv'],
      dockerSocket: '/docker.sock',
      resolveLinks: async (path) => path,
    });
    const refusal =
      'mounts denied: the file server of the share /srv has ended. Another takes its place in a moment; if none does: orlop restart';
    expect([await some.refusal('/srv'), await some.refusal('/srv/x/../y')]).toEqual([refusal, refusal]);
    expect(await some.refusal('/home/u')).toBeUndefined();
  });

  it('looks before it answers, and refuses a share whose folder was replaced while containers have the old one', async () => {
    const containers: string[] = [];
    const some = new SharedPaths({
      shares: () => ['/home/u', '/srv'],
      look: async () => void containers.push('web', 'db'),
      replaced: () => (containers.length === 0 ? [] : [{ path: '/srv', containers }]),
      dockerSocket: '/docker.sock',
      resolveLinks: async (path) => path,
    });
    expect(await some.refusal('/proc')).toBeUndefined();
    expect(containers).toEqual([]);
    expect(await some.refusal('/srv/x')).toBe(
      'mounts denied: the folder of the share /srv was replaced on the host, and web, db still have the one of before. Stop them first: docker stop web db',
    );
    expect(await some.refusal('/home/u')).toBeUndefined();
  });

  it('tells of a link that leaves the share', async () => {
    for (const path of ['/home/u/out', '/home/u/out/new'])
      expect(await paths.refusal(path)).toMatch(/ is a link to \/data\/x, which is not shared/);
  });

  it("knows the host's Docker socket, for which the machine has its own", async () => {
    const socket = '/home/u/.orlop/engine/default/docker.sock';
    expect(await paths.refusal(socket)).toBeUndefined();
    expect(
      [socket, `${socket}/`, '/home/u/docker.sock', '/var/run/docker.sock'].map((one) =>
        paths.isDockerSocket(one),
      ),
    ).toEqual([true, true, false, false]);
  });
});
