import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { runTool } from '../run-tool.ts';
import { isReplaced, serverFullness } from './server-record.ts';
import { findVirtiofsd, shareLack, startVirtiofsd } from './virtiofsd.ts';
import { virtiofsdCommands } from './virtiofsd-command.ts';

const searchPath = process.env['PATH'] ?? '';
const program = await findVirtiofsd(searchPath).catch(() => undefined);
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server of a folder with one file. */
async function serve(readOnly: boolean, { byLink = false } = {}) {
  const temporary = await temporaryFolder();
  const hostPath = join(temporary.path, 'a, b');
  const folder = join(temporary.path, 'machine');
  await mkdir(hostPath);
  await mkdir(folder);
  await writeFile(join(hostPath, 'kept'), 'kept');
  const link = join(temporary.path, 'link');
  if (byLink) await symlink('a, b', link);
  const share = { kind: 'virtiofs', tag: 't', hostPath: byLink ? link : hostPath, readOnly } as const;
  const server = await startVirtiofsd(share, { index: 0, folder, program: program ?? '', searchPath });
  closers.push(
    () => temporary.remove(),
    () => server.kill(),
  );
  // It shuts itself in once QEMU has connected.
  const client = connect({ path: join(folder, server.socket) });
  closers.push(() => client.destroy());
  client.on('error', () => undefined);
  return { hostPath, link, folder, servingRoot: () => servingRoot(server.socket) };
}

/** Where the process that answers QEMU has its root: in the shared folder, soon; others of the server only wait, and have no filter of their system calls. */
async function servingRoot(socket: string): Promise<string> {
  let found = '';
  await expect
    .poll(async () => {
      for (const pid of await readdir('/proc')) {
        const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
        if (!command.includes(`--socket-path=${socket}`)) continue;
        const names = await readdir(`/proc/${pid}/root`).catch(() => []);
        const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
        if (names.join() === 'kept' && /^Seccomp:\s+2$/m.test(status)) found = `/proc/${pid}/root`;
      }
      return found;
    })
    .not.toBe('');
  return found;
}

describe('shareLack', () => {
  it('says what a user who is not root lacks to share folders: newuidmap, then ranges', async () => {
    const { path, remove } = await temporaryFolder();
    closers.push(remove);
    const table = join(path, 'subuid');
    await writeFile(table, 'other:100000:65536\n');
    const user = { username: 'me', uid: 1000 };
    const lack = () => shareLack(path, { user, tables: [table] });
    expect(await lack()).toContain('apt-get install uidmap');
    await writeFile(join(path, 'newuidmap'), '', { mode: 0o755 });
    expect(await lack()).toContain('--add-subuids 100000-165535');
    await writeFile(table, 'me:100000:65536\n');
    expect(await lack()).toBeUndefined();
    expect(await shareLack('', { user: { username: 'root', uid: 0 } })).toBeUndefined();
  });
});

// Where a process has its root is root's to see.
describe.skipIf(program === undefined || process.getuid?.() !== 0)(
  'startVirtiofsd (skipped without virtiofsd, or for others than root)',
  () => {
    it('shuts the server into the shared folder', async () => {
      const { hostPath, servingRoot } = await serve(false);
      const root = await servingRoot();
      await writeFile(join(root, 'new'), 'x');
      expect(existsSync(join(hostPath, 'new'))).toBe(true);
    });

    it('shuts it in for an ordinary user too: namespaces of its own, and few system calls', async () => {
      const nobody = 65534;
      const temporary = await temporaryFolder();
      closers.push(() => temporary.remove());
      const hostPath = join(temporary.path, 'share');
      await mkdir(hostPath);
      await writeFile(join(hostPath, 'kept'), 'kept');
      for (const path of [temporary.path, hostPath]) await chown(path, nobody, nobody);
      const { stdout, stderr } = await runTool(program ?? '', ['--help']);
      const socket = `user-${process.pid}.sock`;
      const around = { program: program ?? '', help: `${stdout}${stderr}`, socket };
      const [command = []] = virtiofsdCommands(
        { hostPath },
        { ...around, userId: nobody, hasIdentityRanges: false },
      );
      const [first = '', ...words] = command;
      const who = { cwd: temporary.path, uid: nobody, gid: nobody };
      const child = spawn(first, words, { ...who, stdio: 'ignore', env: { PATH: searchPath } });
      closers.push(() => child.kill('SIGKILL'));
      const path = join(temporary.path, socket);
      await expect.poll(() => existsSync(path), { timeout: 10_000 }).toBe(true);
      const client = connect({ path });
      closers.push(() => client.destroy());
      const root = await servingRoot(socket);
      const serving = join(root, '..');
      const link = (name: string) =>
        Promise.all(['/proc/self', serving].map((at) => readlink(`${at}/ns/${name}`)));
      for (const name of ['user', 'mnt', 'net']) expect(new Set(await link(name)).size, name).toBe(2);
      expect(await readFile(join(serving, 'status'), 'utf8')).toMatch(/^Seccomp:\s+2$/m);
      await writeFile(join(root, 'new'), 'x');
      expect((await stat(join(hostPath, 'new'))).size).toBe(1);
    });

    it('serves the folder that a link leads to', async () => {
      const { hostPath, servingRoot } = await serve(false, { byLink: true });
      await writeFile(join(await servingRoot(), 'new'), 'x');
      expect(existsSync(join(hostPath, 'new'))).toBe(true);
    });

    it('serves another folder than its path leads to when that was replaced, and says so', async () => {
      for (const byLink of [false, true]) {
        const { hostPath, link, folder, servingRoot } = await serve(false, { byLink });
        const path = byLink ? link : hostPath;
        const tells = () => isReplaced(path, { folder, index: 0 });
        const root = await servingRoot();
        expect(await tells()).toBe(false);
        const before = `${hostPath}-before`;
        await rename(hostPath, before);
        expect(await tells()).toBe(false); // there is nothing else yet
        await mkdir(hostPath);
        expect(await tells()).toBe(true);
        expect(await readdir(root)).toEqual(['kept']);
        await rm(hostPath, { recursive: true });
        await rename(before, hostPath);
        expect(await tells()).toBe(false);
        await rm(hostPath, { recursive: true });
        await mkdir(hostPath);
        expect(await tells()).toBe(true); // the server holds the number of the one that was removed
      }
    });

    it('tells which part of its files a server has open', async () => {
      const { folder, servingRoot } = await serve(false);
      const root = await servingRoot();
      const pid = Number(/^\/proc\/(\d+)\//.exec(root)?.[1]);
      const open = (await readdir(`/proc/${pid}/fd`)).length;
      const limit = 4 * open;
      await runTool('prlimit', ['--pid', `${pid}`, `--nofile=${limit}:`], { timeoutMs: 5000 });
      const part = await serverFullness({ folder, index: 0 });
      expect([part > 0.2, part < 0.3]).toEqual([true, true]);
      expect(await serverFullness({ folder, index: 1 })).toBe(0);
    });

    it('gives the server of a read-only share nothing that could be written', async () => {
      const { hostPath, servingRoot } = await serve(true);
      // The Rust server refuses by itself; the C one finds a mount that does.
      if (program !== '/usr/lib/qemu/virtiofsd') return;
      const root = await servingRoot();
      await expect(writeFile(join(root, 'new'), 'x')).rejects.toMatchObject({ code: 'EROFS' });
      // The host's own view of the folder is as it was.
      await writeFile(join(hostPath, 'own'), 'x');
    });
  },
);
