import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFile,
  chmod,
  lstat,
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
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineUnderTest, hasQemu, run } from './engine-under-test.ts';

const image = 'orlop/file-tools';
const engine = new EngineUnderTest();
const { docker } = engine;
const work = join(tmpdir(), `orlop-files-${process.pid}`);
/** Shared for writing, and for reading only. */
const shared = join(work, 'shared');
const fixed = join(work, 'fixed');
/** Shared, and replaced by other folders meanwhile. */
const moving = join(work, 'moving');
const children: ChildProcess[] = [];

beforeAll(async () => {
  if (!hasQemu) return;
  await mkdir(join(shared, 'sub'), { recursive: true });
  await mkdir(fixed);
  await mkdir(moving);
  await writeFile(join(fixed, 'kept'), 'kept\n');
  await engine.prepare({ disk: '4GiB', shares: `${shared},${fixed}:ro,${moving}` });
  await engine.orlop('up');
  await engine.load('test/engine/file-tools');
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await engine.stop();
  await rm(work, { recursive: true, force: true });
});

/** What a shell in a container of the share says; the share is its /s. */
function inContainer(script: string, ...options: readonly string[]): Promise<string> {
  return docker('run', '--rm', '-v', `${shared}:/s`, '-w', '/s', ...options, image, 'sh', '-ec', script);
}

/** Why a command of Docker's client fails. */
async function refusal(...words: readonly string[]): Promise<string> {
  return docker(...words).then(
    () => '',
    (error: { readonly stderr: string }) => error.stderr,
  );
}

/** A process that has a socket among its arguments: one of the two that virtiofsd is, neither of which outlives the other. */
async function serverOf(socket: string): Promise<number> {
  const numbers = (await readdir('/proc')).map(Number).filter((number) => number > 0);
  for (const number of numbers.toSorted((one, other) => one - other)) {
    const command = await readFile(`/proc/${number}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('virtiofsd') && command.includes(`=${socket}`)) return number;
  }
  throw new Error(`nothing serves ${socket}`);
}

/** inotifywait in a container that has a share under /s; its lines so far, `FOLDER EVENTS NAME`. */
async function watchInContainer(name: string, mount: string): Promise<() => string> {
  const command = ['inotifywait', '-m', '-r', '-q', '--format', '%w %e %f', '/s'];
  await docker('run', '-d', '--name', name, '-v', `${mount}`, image, ...command);
  let lines = '';
  const child = engine.spawn('logs', '-f', name);
  children.push(child);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    lines += text;
  });
  // It watches once it tells of what is done in its own machine.
  await expect
    .poll(async () => {
      await docker('exec', name, 'stat', '/s').catch(() => '');
      const watches = await docker(
        'exec',
        name,
        'sh',
        '-c',
        'cat /proc/1/fdinfo/* | grep -c ^inotify || true',
      );
      return Number(watches);
    })
    .toBeGreaterThanOrEqual(2);
  return () => lines;
}

describe.skipIf(!hasQemu)('a shared folder (skipped without QEMU)', () => {
  it('keeps owners, modes, links, names, times and holes as a container makes them', async () => {
    await inContainer(`
      echo a >plain; chown 1234:5678 plain; chmod 4751 plain
      mkdir -m 2770 folder; chown 4321:8765 folder
      ln -s plain link; ln -s /nowhere dangling; ln plain hard; mkfifo pipe
      printf x >'Grüße – 日本 😀'
      dd if=/dev/zero of=sparse bs=1 count=1 seek=1073741823 2>/dev/null
      dd if=/dev/urandom of=large bs=1M count=16 2>/dev/null; sha256sum large | cut -c1-64 >digest
      echo one >target; echo two >side; mv side target
      touch -d '2001-02-03 04:05:06' old`);
    const plain = await stat(join(shared, 'plain'));
    const folder = await stat(join(shared, 'folder'));
    // Whoever is not root on the host can own files as nobody else.
    if (process.getuid?.() === 0) {
      expect([plain.uid, plain.gid, folder.uid, folder.gid]).toEqual([1234, 5678, 4321, 8765]);
      expect([plain.mode & 0o7777, folder.mode & 0o7777]).toEqual([0o4751, 0o2770]);
    }
    expect([plain.nlink, (await stat(join(shared, 'hard'))).ino]).toEqual([2, plain.ino]);
    expect(await readlink(join(shared, 'link'))).toBe('plain');
    expect(await readlink(join(shared, 'dangling'))).toBe('/nowhere');
    expect((await lstat(join(shared, 'pipe'))).isFIFO()).toBe(true);
    expect(await readdir(shared)).toContain('Grüße – 日本 😀');
    const sparse = await stat(join(shared, 'sparse'));
    expect([sparse.size, sparse.blocks < 1000]).toEqual([2 ** 30, true]);
    const digest = createHash('sha256')
      .update(await readFile(join(shared, 'large')))
      .digest('hex');
    expect(await readFile(join(shared, 'digest'), 'utf8')).toBe(`${digest}\n`);
    expect(await readFile(join(shared, 'target'), 'utf8')).toBe('two\n');
    expect((await stat(join(shared, 'old'))).mtime.toISOString()).toBe('2001-02-03T04:05:06.000Z');
  });

  it('has locks and shared mappings that hold between containers', async () => {
    // SQLite in WAL mode: fcntl locks, and an index that its processes map for writing (MAP_SHARED).
    await inContainer(`sqlite3 db 'PRAGMA journal_mode=WAL; CREATE TABLE t(x);'`);
    const holder =
      `(echo 'BEGIN IMMEDIATE; INSERT INTO t VALUES(1);'; touch held; ` +
      `while [ ! -e release ]; do usleep 50000; done; echo 'COMMIT;') | sqlite3 db; touch done`;
    await docker(
      'run',
      '-d',
      '--name',
      'holder',
      '-v',
      `${shared}:/s`,
      '-w',
      '/s',
      image,
      'sh',
      '-ec',
      holder,
    );
    const other = await inContainer(`
      while [ ! -e held ] || [ ! -e db-shm ]; do usleep 50000; done
      n=0; while sqlite3 db 'INSERT INTO t VALUES(2)' 2>err && [ $n -lt 100 ]; do n=$((n+1)); usleep 50000; done
      cat err; touch release; while [ ! -e done ]; do usleep 50000; done
      sqlite3 db 'INSERT INTO t VALUES(3)' 'SELECT count(*) FROM t WHERE x<>2'`);
    expect(other).toMatch(/database is locked/);
    expect(other.trim().endsWith('2')).toBe(true);
    await docker('rm', '-f', 'holder');
  });

  it('keeps others out as the modes of its files say', async () => {
    await inContainer('mkdir -m 700 private; echo secret >private/a; echo x >theirs; chmod 644 theirs');
    const script = 'cat private/a; echo y >theirs; cat theirs';
    const said = await inContainer(`(${script}) 2>&1`, '-u', '1000:1000').catch((error) => error.stdout);
    expect(said).toMatch(/private\/a.*Permission denied/);
    expect(await readFile(join(shared, 'theirs'), 'utf8')).toBe('x\n');
  });

  it('is read-only by the host where the setting says so, for a privileged container too', async () => {
    const script = `
      echo x >/f/new; mount -o remount,rw /f; echo x >/f/new
      tag=$(grep ' /f ' /proc/mounts | cut -d' ' -f1); mkdir /m; mount -t virtiofs $tag /m
      echo x >/m/new; rm /m/kept; chmod 777 /m/kept; cat /m/kept`;
    const mounted = ['-v', `${fixed}:/f`, image, 'sh', '-c', `(${script}) 2>&1`];
    const said = await docker('run', '--rm', '--privileged', ...mounted);
    expect(said).toMatch(/Read-only file system(.|\n)*kept\n$/);
    expect(await readdir(fixed)).toEqual(['kept']);
    expect((await stat(join(fixed, 'kept'))).mode & 0o777).toBe(0o644);
  });

  it('is what may be mounted: anything else is refused with the name of the setting', async () => {
    const elsewhere = join(work, 'elsewhere');
    const words = [image, 'true'];
    for (const mount of [
      ['-v', `${elsewhere}:/x`],
      ['--mount', `type=bind,src=${elsewhere},dst=/x`],
    ]) {
      expect(await refusal('run', '--rm', ...mount, ...words)).toContain(
        `mounts denied: ${elsewhere} is not shared with the engine. Share it or a folder above it, then restart: ` +
          `orlop config set shares ${shared},${fixed}:ro,${moving},${elsewhere} && orlop restart`,
      );
    }
    const volume = ['-d', 'local', '-o', 'type=none', '-o', 'o=bind', '-o', `device=${elsewhere}`];
    for (const words of [
      ['create', '-v', `${elsewhere}:/x`, image],
      ['volume', 'create', ...volume],
    ])
      expect(await refusal(...words)).toContain(`mounts denied: ${elsewhere} is not shared`);
    // A link that leads out of the share leads to nothing within, and what it leads to is no mount either.
    await writeFile(elsewhere, 'secret');
    await symlink(elsewhere, join(shared, 'escape'));
    expect(await refusal('run', '--rm', '-v', `${shared}:/s`, image, 'cat', '/s/escape')).toMatch(
      /No such file/,
    );
    expect(await refusal('run', '--rm', '-v', `${shared}/escape:/x`, ...words)).toContain(
      `${shared}/escape is a link to ${elsewhere}, which is not shared`,
    );
    // Docker's own rules within a share: -v makes what is missing, --mount does not.
    expect(await refusal('run', '--rm', '-v', `${shared}/made:/x`, ...words)).toBe('');
    expect(await readdir(shared)).toContain('made');
    const missing = `type=bind,src=${shared}/missing,dst=/x`;
    expect(await refusal('run', '--rm', '--mount', missing, ...words)).toContain('does not exist');
    expect(await refusal('run', '--rm', '-v', '/var/run/docker.sock:/d', ...words)).toBe('');
  });

  it.each([
    ['a share', 'rw', () => shared],
    ['a share, mounted read-only', 'ro', () => shared],
    ['a read-only share', 'fixed', () => fixed],
  ])('tells watchers in %s of what the host does, as Linux would', async (_kind, name, share) => {
    const folder = join(share(), `watched-${name}`);
    await mkdir(join(folder, 'sub'), { recursive: true });
    await writeFile(join(folder, 'there'), '1');
    const seen = await watchInContainer(`watch-${name}`, `${folder}:/s:${name === 'rw' ? 'rw' : 'ro'}`);
    const soon = { interval: 20 };
    const lines = (wanted: RegExp) => expect.poll(seen, soon).toMatch(wanted);
    await writeFile(join(folder, 'new'), '1');
    await lines(/^\/s\/ CREATE new\n\/s\/ MODIFY new\n\/s\/ CLOSE_WRITE,CLOSE new$/m);
    await appendFile(join(folder, 'there'), '2');
    await lines(/^\/s\/ MODIFY there\n\/s\/ CLOSE_WRITE,CLOSE there$/m);
    await chmod(join(folder, 'there'), 0o600);
    await lines(/^\/s\/ ATTRIB there$/m);
    await rename(join(folder, 'there'), join(folder, 'sub', 'moved'));
    await lines(/^\/s\/ MOVED_FROM there\n\/s\/sub\/ MOVED_TO moved$/m);
    await symlink('nowhere', join(folder, 'link'));
    await lines(/^\/s\/ CREATE link$/m);
    // In a name that is no UTF-8; and what a watcher that looks at once is shown.
    await mkdir(Buffer.from(`${folder}/\xff`, 'latin1'));
    await lines(/^\/s\/ CREATE,ISDIR /m);
    await rm(join(folder, 'sub', 'moved'));
    await lines(/^\/s\/sub\/ DELETE moved$/m);
    await rm(join(folder, 'sub'), { recursive: true });
    await lines(/^\/s\/sub\/ DELETE_SELF $/m);
    await lines(/^\/s\/ DELETE,ISDIR sub$/m);
    await docker('rm', '-f', `watch-${name}`);
  });

  it('tells of a change of the host once, and leaves the file all its times', async () => {
    const folder = join(shared, 'watched-rw');
    const path = join(folder, 'once');
    const seen = await watchInContainer('watch-once', `${folder}:/s`);
    const soon = { interval: 20 };
    await writeFile(path, 'content');
    const before = await stat(path, { bigint: true });
    await expect.poll(seen, soon).toContain('/s/ CLOSE_WRITE,CLOSE once\n');
    // A later change has come through: an echo of the first would have come before it.
    await writeFile(join(folder, 'later'), '1');
    await expect.poll(seen, soon).toContain('/s/ CLOSE_WRITE,CLOSE later\n');
    expect(seen().match(/ once\n/g)).toHaveLength(3);
    const after = await stat(path, { bigint: true });
    expect([after.ctimeNs, after.mtimeNs, after.mode]).toEqual([before.ctimeNs, before.mtimeNs, before.mode]);
    expect(await readFile(path, 'utf8')).toBe('content');
    await docker('rm', '-f', 'watch-once');
  });

  it('shows a watcher that looks at once what it was told of', async () => {
    const folder = join(shared, 'looked');
    await mkdir(folder);
    await writeFile(join(folder, 'file'), 'before');
    // Seen before, so that the machine remembers the size.
    const script = `inotifywait -m -q -e close_write,delete --format %f /s | while read -r name; do wc -c <file || echo none; done`;
    await docker(
      'run',
      '-d',
      '--name',
      'looker',
      '-v',
      `${folder}:/s`,
      '-w',
      '/s',
      image,
      'sh',
      '-c',
      script,
    );
    const said = () => docker('logs', 'looker').catch(() => '');
    const watching = 'cat /proc/[0-9]*/fdinfo/* 2>/dev/null | grep -c ^inotify || true';
    await expect
      .poll(() => docker('exec', 'looker', 'sh', '-c', `cat file; ${watching}`))
      .toMatch(/before[1-9]/);
    await writeFile(join(folder, 'file'), 'much longer than before');
    await expect.poll(said).toMatch(/^23$/m);
    await rm(join(folder, 'file'));
    await expect.poll(said).toMatch(/^none$/m);
    await docker('rm', '-f', 'looker');
  });

  it('says by what watchers are told', async () => {
    const [status] = JSON.parse(await engine.orlop('status', '--json'));
    expect(status.shareEvents).toEqual({ kind: 'kernel' });
  });

  it('is taken away while the engine is suspended, and there again with the first request', async () => {
    await writeFile(join(shared, 'before'), 'before\n');
    await engine.orlop('suspend');
    expect((await engine.status()).state.kind).toBe('suspended');
    await writeFile(join(shared, 'meanwhile'), 'meanwhile\n');
    expect(await inContainer('cat before meanwhile; echo after >after')).toBe('before\nmeanwhile\n');
    expect(await readFile(join(shared, 'after'), 'utf8')).toBe('after\n');
    expect(await docker('run', '--rm', '-v', `${fixed}:/f`, image, 'cat', '/f/kept')).toBe('kept\n');
    const [{ state }] = JSON.parse(await engine.orlop('status', '--json'));
    const machine = state.stages.find(({ name }: { readonly name: string }) => name === 'machine');
    expect(machine.note).toContain('from the saved state');
  });

  it('that a container has keeps the engine from being suspended, which names the container and changes nothing', async () => {
    await docker('run', '-d', '--name', 'user', '-v', `${shared}:/s`, '-w', '/s', image, 'sleep', '1000');
    const why = await engine.orlop('suspend').then(
      () => '',
      (error: { readonly stderr: string }) => error.stderr,
    );
    expect(why).toContain('shares are in use by user');
    expect(await docker('exec', 'user', 'cat', 'before')).toBe('before\n');
    await docker('rm', '-f', 'user');
  });

  it('whose server has many files open has them closed: the machine forgets what it does not use', async () => {
    const { machine } = await engine.status();
    const names = await readdir(join(engine.home, 'machines', machine));
    const first = await serverOf(`${names.find((name) => /^share0-.*\.sock$/.test(name))}`);
    const children = await readFile(`/proc/${first}/task/${first}/children`, 'utf8');
    // The one that was started may wait for another that serves.
    const server = Number(children.trim().split(' ')[0]) || first;
    const open = async () => (await readdir(`/proc/${server}/fd`)).length;
    const limits = await readFile(`/proc/${server}/limits`, 'utf8');
    const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
    await mkdir(join(shared, 'many'));
    for (let file = 0; file < 300; file++) await writeFile(join(shared, 'many', `${file}`), '');
    await run('prlimit', ['--pid', `${server}`, '--nofile=600:']);
    const listed = inContainer('ls -l many | wc -l');
    await expect.poll(open, { interval: 5 }).toBeGreaterThan(300);
    expect((await listed).trim()).toBe('301');
    await expect.poll(open).toBeLessThan(100);
    await run('prlimit', ['--pid', `${server}`, `--nofile=${soft}:`]);
    expect((await inContainer('ls -l many | wc -l')).trim()).toBe('301');
  });

  it('is the folder that its path leads to when a container starts, whatever was there before', async () => {
    const replace = async (content: string) => {
      await rename(moving, `${moving}-before-${content}`);
      await mkdir(join(moving, 'sub'), { recursive: true });
      await writeFile(join(moving, 'file'), content);
    };
    await replace('second');
    // At once: the machine has the folder that was moved away until somebody asks.
    const seen = await watchInContainer('keeps', `${moving}:/s`);
    expect(await docker('exec', 'keeps', 'cat', '/s/file')).toBe('second');
    await writeFile(join(moving, 'new'), '1');
    await expect.poll(seen, { interval: 20 }).toMatch(/^\/s\/ CREATE new$/m);
    await replace('third');
    const mounted = ['run', '--rm', '-v', `${moving}:/s`, image, 'cat', '/s/file'];
    expect(await refusal(...mounted)).toContain(
      `mounts denied: the folder of the share ${moving} was replaced on the host, and keeps still have the one of before. Stop them first: docker stop keeps`,
    );
    // What runs goes on with the folder that it has, as on a host of its own.
    expect(await docker('exec', 'keeps', 'cat', '/s/file')).toBe('second');
    await docker('rm', '-f', 'keeps');
    expect(await docker(...mounted)).toBe('third');
  });

  it('that loses its file server is served again; programs that waited get an error, a new container has it, and the machine ends', async () => {
    await docker('run', '-d', '--name', 'bereft', '-v', `${shared}:/s`, image, 'sleep', '1000');
    expect(await docker('exec', 'bereft', 'ls', '/s')).toContain('sub');
    const { machine } = await engine.status();
    const socket = (await readdir(join(engine.home, 'machines', machine))).find((name) =>
      /^share0-.*\.sock$/.test(name),
    );
    process.kill(await serverOf(`${socket}`), 'SIGKILL');
    // Asked while nobody serves it: the machine's kernel would let it wait for ever.
    expect(await refusal('exec', 'bereft', 'ls', '/s/private')).toMatch(/not connected/i);
    const again = () => inContainer('cat before').catch(() => '');
    await expect.poll(again).toBe('before\n');
    expect((await engine.status()).lostShares).toBeUndefined();
    const log = await readFile(join(engine.home, 'daemon', 'log'), 'utf8');
    expect(log).toMatch(/a share is served again.*docker restart .*bereft/);
    expect(await refusal('exec', 'bereft', 'ls', '/s/sub')).toMatch(/not connected/i);
    await docker('restart', '-t', '0', 'bereft');
    expect(await docker('exec', 'bereft', 'cat', '/s/before')).toBe('before\n');
    // The other share has gone on.
    expect(await docker('run', '--rm', '-v', `${fixed}:/f`, image, 'cat', '/f/kept')).toBe('kept\n');
    // What a container does to a synchronised share in the last moment is on the host when the engine is down.
    const synced = join(work, 'synced');
    await mkdir(synced);
    await engine.orlop('sync', 'create', synced);
    const late = `trap 'echo late >/s/late' USR1; touch /s/ready; while :; do usleep 20000; done`;
    await docker('run', '-d', '--name', 'late', '-v', `${synced}:/s`, image, 'sh', '-c', late);
    await expect.poll(() => readdir(synced)).toContain('ready');
    await docker('kill', '-s', 'USR1', 'late');
    // Nothing waits for the server that has gone: the machine powers off by itself.
    await engine.orlop('down');
    expect(await readFile(join(synced, 'late'), 'utf8')).toBe('late\n');
    const end = JSON.parse(await readFile(join(engine.home, 'machines', machine, 'state.json'), 'utf8'));
    expect(end).toMatchObject({ kind: 'stopped', reason: 'powered-off' });
  });
});
