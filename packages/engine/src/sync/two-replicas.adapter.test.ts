import type { ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundleCopyProgram, serveCopy } from '../testing/copy-process.ts';
import { AncestorStore } from './ancestor-store.ts';
import { GuestChannel } from './guest-channel.ts';
import { GuestCopy } from './guest-copy.ts';
import { HostTree } from './host-tree.ts';
import { parseSync } from './sync-settings.ts';
import { TwoReplicas } from './two-replicas.ts';

let bundle = '';
let folder = '';
let host = '';
let machine = '';
const children: ChildProcess[] = [];
const stores: AncestorStore[] = [];
const signal = new AbortController().signal;

beforeAll(async () => {
  bundle = join(await mkdtemp(join(tmpdir(), 'orlop-sync-program-')), 'copy.mjs');
  await bundleCopyProgram(bundle);
});
afterAll(() => rm(join(bundle, '..'), { recursive: true, force: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orlop-sync-'));
  host = join(folder, 'host');
  machine = join(folder, 'copy', 'tree');
  await mkdir(host);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const store of stores.splice(0)) await store.close();
  await rm(folder, { recursive: true, force: true });
});

/** A daemon's half of it with the machine's program as it is; again: after either was killed. */
async function connect(options: Readonly<Record<string, unknown>> = {}) {
  const setting = parseSync(host, options);
  if (typeof setting === 'string') throw new Error(setting);
  const { stream, child } = await serveCopy(bundle, join(folder, 'copy'));
  children.push(child);
  const channel = new GuestChannel(stream);
  const copy = new GuestCopy(channel, setting.owner === undefined ? {} : { owner: setting.owner });
  const tree = await HostTree.open({
    root: host,
    stage: join(folder, 'stage'),
    nowMs: () => Date.now(),
    asideName: (name) => `${name}.overtaken`,
  });
  const store = await AncestorStore.open(join(folder, 'agreed'));
  stores.push(store);
  const state = await copy.hello();
  if (state === undefined || state.stamp !== store.stamp || state.generation < store.generation) {
    await store.reset('stamp');
    await copy.adopt('stamp');
  }
  const replicas = new TwoReplicas({
    ...{ setting, host: tree, copy, store },
    wallMs: () => Date.parse('2026-02-03T04:05:06Z'),
    onProgress: () => undefined,
  });
  return {
    ...{ replicas, store, copy, channel, tree },
    /** Everything, until nothing is left. */
    async settle(options: { readonly acceptEmpty?: boolean } = {}) {
      for (let turn = 0; turn < 6; turn++) {
        replicas.distrust();
        await replicas.turn(signal, options);
      }
      await replicas.commit();
    },
    kill() {
      child.kill('SIGKILL');
      channel.close();
    },
  };
}

/** What is below a folder: `path` → content, `>target`, or `/`. */
async function show(root: string, path = ''): Promise<Record<string, string>> {
  const shown: Record<string, string> = {};
  for (const name of (await readdir(join(root, path))).sort()) {
    const at = join(path, name);
    const found = await lstat(join(root, at));
    if (found.isSymbolicLink()) shown[at] = `>${await readlink(join(root, at))}`;
    else if (found.isDirectory()) Object.assign(shown, { [at]: '/' }, await show(root, at));
    else if (found.isFile()) shown[at] = await readFile(join(root, at), 'utf8');
    else shown[at] = '?';
  }
  return shown;
}

async function write(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

describe('TwoReplicas', () => {
  // Only root may give files away.
  it.runIf(process.getuid?.() === 0)(
    'gives what it makes, and the new copy’s own folder, to the owner that is asked for',
    async () => {
      await mkdir(join(host, 'd'));
      await writeFile(join(host, 'd/f'), 'x');
      const { settle } = await connect({ owner: '1234:2345' });
      await settle();
      for (const path of ['', 'd', 'd/f']) {
        expect(await stat(join(machine, path)), path).toMatchObject({ uid: 1234, gid: 2345 });
      }
    },
  );

  it('does what an event has told of before a look at everything that is due, which then is asked for anew', async () => {
    const { replicas, settle } = await connect();
    await settle();
    await writeFile(join(machine, 'silent'), 'x');
    await writeFile(join(host, 'told'), 'x');
    replicas.lookAgain();
    replicas.dirty.host.add('told');
    await replicas.turn(signal);
    expect([await show(host), await show(machine)]).toEqual([{ told: 'x' }, { silent: 'x', told: 'x' }]);
    replicas.lookAgain();
    await replicas.turn(signal);
    expect(await show(host)).toEqual({ silent: 'x', told: 'x' });
  });

  it('looks at everything once more when that is asked for in the middle of a look at everything', async () => {
    const one = await connect();
    await one.settle();
    one.replicas.distrust();
    const list = one.tree.list.bind(one.tree);
    // As when inotify's queue runs over: what has happened to a folder after it was listed, no event tells.
    one.tree.list = async (paths) => {
      const listed = await list(paths);
      if (paths.includes('')) {
        one.tree.list = list;
        await writeFile(join(host, 'late'), 'late');
        one.replicas.distrust();
      }
      return listed;
    };
    await one.replicas.turn(signal);
    expect(one.replicas.isDirty).toBe(true);
    await one.replicas.turn(signal);
    expect(await show(machine)).toEqual({ late: 'late' });
    expect(one.replicas.isDirty).toBe(false);
  });

  it('brings a tree to the machine with its modes, links, times and odd names, and changes of both sides after', async () => {
    const odd = "a 'b' \\c 日本 😀";
    await write(host, { 'd/e/file': 'one', run: '#!/bin/sh', [odd]: 'odd', '-n': 'dash', empty: '' });
    await chmod(join(host, 'run'), 0o755);
    await symlink('/nowhere/else', join(host, 'link'));
    await utimes(join(host, 'run'), 1e9, 1e9);
    const large = randomBytes(3_000_000);
    await writeFile(join(host, 'large'), large);
    const { settle, replicas } = await connect();
    await settle();
    expect(await show(machine)).toEqual(await show(host));
    expect((await stat(join(machine, 'run'))).mode & 0o777).toBe(0o755);
    expect((await stat(join(machine, 'run'))).mtimeMs).toBe(1e12);
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(digest(await readFile(join(machine, 'large')))).toBe(digest(large));

    await write(machine, { 'd/new/deep/file': 'from inside', [odd]: 'odder' });
    await chmod(join(machine, '-n'), 0o700);
    await rename(join(host, 'd/e'), join(host, 'd/f'));
    await rm(join(machine, 'empty'));
    await settle();
    expect(await show(host)).toEqual(await show(machine));
    expect(await show(host)).toMatchObject({
      'd/f/file': 'one',
      'd/new/deep/file': 'from inside',
      [odd]: 'odder',
    });
    expect(await show(host)).not.toHaveProperty('empty');
    expect((await stat(join(host, '-n'))).mode & 0o777).toBe(0o700);
    expect([...replicas.problems]).toEqual([]);
  });

  it('loses neither version when both sides change the same, and says which was set aside', async () => {
    await write(host, { both: 'old', gone: 'old', kept: 'old' });
    const { settle, replicas } = await connect();
    await settle();
    await write(host, { both: 'host', kept: 'edited' });
    await write(machine, { both: 'machine', gone: 'edited' });
    await rm(join(host, 'gone'));
    await rm(join(machine, 'kept'));
    await settle();
    const wanted = {
      both: 'host',
      'both.conflict-machine-20260203-040506': 'machine',
      gone: 'edited',
      kept: 'edited',
    };
    expect(await show(host)).toEqual(wanted);
    expect(await show(machine)).toEqual(wanted);
    expect(replicas.conflicts()).toEqual(['both.conflict-machine-20260203-040506']);
  });

  it.each(['machine', 'host'] as const)(
    'tells of a file that the %s’s disk refuses, and carries it once it is taken',
    async (side) => {
      const [from, to] = side === 'machine' ? [host, machine] : [machine, host];
      const { replicas, settle } = await connect();
      await settle();
      await writeFile(join(from, 'a'), randomBytes(200_000));
      // In the way of the first content that is staged.
      const inTheWay = join(folder, side === 'machine' ? 'copy/stage/0' : 'stage/0', 'full');
      await mkdir(inTheWay, { recursive: true });
      replicas.distrust();
      await replicas.turn(signal);
      expect(await show(to)).toEqual({});
      expect(replicas.isDirty).toBe(false);
      expect(replicas.problems.get('a')).toMatch(new RegExp(`^file: \\w*EISDIR \\(on the ${side}\\)$`));
      await rm(inTheWay, { recursive: true, force: true });
      await replicas.turn(signal);
      expect(await readFile(join(to, 'a'))).toEqual(await readFile(join(from, 'a')));
      expect(replicas.problems.size).toBe(0);
    },
  );

  it('sets a version aside whose name leaves no room for more', async () => {
    const long = `a${'é'.repeat(127)}`; // 255 bytes
    await write(host, { [long]: 'old' });
    const { settle, replicas } = await connect();
    await settle();
    await write(host, { [long]: 'host' });
    await write(machine, { [long]: 'machine' });
    await settle();
    const wanted = {
      [`a${'é'.repeat(110)}.conflict-machine-20260203-040506`]: 'machine',
      [long]: 'host',
    };
    expect(await show(host)).toEqual(wanted);
    expect(await show(machine)).toEqual(wanted);
    expect(replicas.problems).toEqual(new Map());
  });

  it('keeps what gitignore’s rules exclude on its own side, by setting and by file', async () => {
    await write(host, {
      '.orlopignore': '/build/\n*.log\n!keep.log\nsub/**/deep\n',
      'build/out': 'x',
      'sub/build/in': 'y',
      'a.log': 'x',
      'keep.log': 'y',
      'sub/one/two/deep': 'x',
      'node_modules/left/pad': 'x',
    });
    const { settle } = await connect({ exclude: ['node_modules'] });
    await settle();
    await write(machine, { 'build/out': 'other', 'node_modules/right': 'other' });
    await settle();
    expect(Object.keys(await show(machine))).toEqual([
      ...['.orlopignore', 'build', 'build/out', 'keep.log', 'node_modules', 'node_modules/right'],
      ...['sub', 'sub/build', 'sub/build/in', 'sub/one', 'sub/one/two'],
    ]);
    expect((await show(host))['build/out']).toBe('x');
    // A rule that is added removes nothing.
    await write(host, { '.orlopignore': 'sub\n' });
    await settle();
    expect((await show(machine))['sub/build/in']).toBe('y');
    expect((await show(host))['sub/build/in']).toBe('y');
  });

  it('goes on where it was after both programs were killed at any moment, and nothing is half', async () => {
    const files: Record<string, string> = {};
    for (let index = 0; index < 400; index++) files[`d${index % 7}/f${index}`] = `${index}`.repeat(200);
    await write(host, files);
    for (let round = 0; round < 5; round++) {
      const { replicas, kill } = await connect();
      const turn = replicas.turn(signal).catch(() => undefined);
      const wanted = 60 * (round + 1);
      await expect
        .poll(async () => Object.keys(await show(machine)).length, { interval: 1, timeout: 20_000 })
        .toBeGreaterThan(Math.min(wanted, 300));
      kill();
      await turn;
      for (const [path, text] of Object.entries(await show(machine))) {
        if (text !== '/' && files[path] !== undefined) expect(text).toBe(files[path]);
      }
      await write(machine, { [`m${round}`]: 'inside' });
      await write(host, { [`h${round}`]: 'outside' });
    }
    const { settle } = await connect();
    await settle();
    expect(await show(machine)).toEqual(await show(host));
    expect(Object.keys(await show(host)).filter((path) => path.includes('conflict'))).toEqual([]);
    expect(Object.keys(await show(host))).toHaveLength(400 + 7 + 10);
  });

  it('compares anew, and so loses nothing, when the copy is older than the record', async () => {
    await write(host, { a: 'one', b: 'same' });
    const first = await connect();
    await first.settle();
    const { generation } = first.store;
    await write(host, { a: 'two' });
    await first.settle();
    expect(first.store.generation).toBeGreaterThan(generation);
    first.kill();
    // As after a snapshot of the engine was restored.
    await write(machine, { a: 'one' });
    await writeFile(join(folder, 'copy/state'), JSON.stringify({ stamp: 'stamp', generation }));
    const second = await connect();
    await second.settle();
    expect(await show(host)).toEqual({
      a: 'two',
      'a.conflict-machine-20260203-040506': 'one',
      b: 'same',
    });
  });

  it('stops before it empties one side because the other is suddenly empty, and goes on when told', async () => {
    await write(host, { a: 'one', 'd/b': 'two' });
    const { settle, replicas } = await connect();
    await settle();
    await rename(host, `${host}.away`);
    await mkdir(host);
    replicas.distrust();
    await expect(replicas.turn(signal)).rejects.toThrow('is empty, and was not before');
    expect(Object.keys(await show(machine))).toEqual(['a', 'd', 'd/b']);
    await rm(host, { recursive: true });
    replicas.distrust();
    await expect(replicas.turn(signal)).rejects.toThrow('has gone');
    await mkdir(host);
    await settle({ acceptEmpty: true });
    expect(await show(machine)).toEqual({});
  });

  it('never writes through a link on the host, whatever the machine says it has', async () => {
    const outside = join(folder, 'outside');
    await write(outside, { secret: 'secret' });
    await write(host, { 'd/a': 'one' });
    const { settle, replicas, tree } = await connect();
    await settle();
    // The folder becomes a link between the look and the change.
    const [change] = [
      { kind: 'file', path: 'd/evil', file: { kind: 'file', mode: 0o644, digest: '', sizeBytes: 4 } },
    ] as const;
    await rm(join(host, 'd'), { recursive: true });
    await symlink(outside, join(host, 'd'));
    const bytes = (async function* () {
      yield Buffer.from('evil');
    })();
    await tree.stage(0, 0o644, { sizeBytes: 4, modifiedMs: 0, bytes, isWhole: () => true });
    expect(await tree.apply([change, { kind: 'folder', path: 'd/evil-folder', mode: 0o755 }])).toEqual([
      { kind: 'changed' },
      { kind: 'changed' },
    ]);
    expect(await tree.digest(['d/secret'])).toEqual([undefined]);
    expect(await readdir(outside)).toEqual(['secret']);
    // The link is carried as it is, and its target stays unread.
    await settle();
    expect(await show(machine)).toEqual({ d: `>${outside}` });
    expect([...replicas.problems]).toEqual([]);
  });

  it('does not replace on the host what was written since it was looked at', async () => {
    await write(host, { a: 'one', gone: 'one' });
    const { settle, replicas, tree } = await connect();
    await settle();
    const of = replicas.host.tree.children.get('a');
    const goes = replicas.host.tree.children.get('gone');
    if (of === undefined || goes === undefined) throw new Error('not seen');
    await write(host, { a: 'newer', gone: 'newer' });
    const bytes = (async function* () {
      yield Buffer.from('evil');
    })();
    await tree.stage(0, 0o644, { sizeBytes: 4, modifiedMs: 0, bytes, isWhole: () => true });
    const file = { kind: 'file', mode: 0o644, digest: '', sizeBytes: 4 } as const;
    const outcomes = await tree.apply([
      { kind: 'file', path: 'a', file, of },
      { kind: 'remove', path: 'gone', of: goes },
    ]);
    expect(outcomes).toEqual([{ kind: 'changed' }, { kind: 'changed' }]);
    expect(await show(host)).toEqual({ a: 'newer', gone: 'newer' });
  });
});
