import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describeApi, fillPath, type Operation, routes } from '@orlop/api';
import { askSocket, DescribedApi } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineUnderTest, endOf, freePort, hasQemu, program, run } from './engine-under-test.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const engine = new EngineUnderTest();
const { orlop, status } = engine;
const docker = async (...words: readonly string[]) => (await engine.docker(...words)).trim();

beforeAll(async () => {
  if (!hasQemu) return;
  await engine.prepare({ disk: '3GiB' });
  await orlop('up');
  await engine.load('pkg/busybox');
  await docker('run', '-d', '--name', 'stays', '--init', 'orlop/busybox', 'sleep', '1000000');
});

afterAll(() => engine.stop());

const file = (name: string) => join(engine.home, 'machines', 'engine-default', name);
const startedAt = () => docker('inspect', '-f', '{{.State.StartedAt}}', 'stays');
/** How far the machine's clock is from the host's, in seconds: when it is heard, not when Docker's client has ended. */
async function clockOffset(): Promise<number> {
  const child = engine.spawn('exec', 'stays', 'date', '+%s');
  const nothing = once(child.stdout, 'end').then(() => ['']);
  const [said] = await Promise.race([once(child.stdout, 'data'), nothing]);
  const offset = Math.abs(Number(said) - Math.floor(Date.now() / 1000));
  expect(await endOf(child)).toBe(0);
  return offset;
}

/** What dockerd, or whoever answers for it, says to one request on a connection of its own. */
function ping(): Promise<number | undefined> {
  const socketPath = join(engine.home, 'engine', 'default', 'docker.sock');
  return new Promise((answered, failed) => {
    const asked = request({ socketPath, path: '/_ping', agent: false }, (answer) => {
      answer.resume();
      answered(answer.statusCode);
    });
    asked.on('error', failed).end();
  });
}

/** Gives QEMU commands of its machine protocol, as somebody else than Orlop would. */
function qmp(...commands: readonly string[]): Promise<void> {
  return new Promise((settled, failed) => {
    const socket = connect(file('commands.sock'));
    let answers = 0;
    let text = '';
    socket.setEncoding('utf8').on('error', failed);
    socket.on('data', (piece: string) => {
      text += piece;
      answers = (text.match(/"return"/g) ?? []).length;
      if (answers > commands.length) socket.end();
    });
    socket.on('close', () => settled());
    for (const command of ['qmp_capabilities', ...commands]) {
      socket.write(`${JSON.stringify({ execute: command })}\n`);
    }
  });
}

describe.skipIf(!hasQemu)('resources of an engine (skipped without QEMU)', () => {
  it('is suspended into a file of its own user, and a request brings its containers back as they were', async () => {
    const started = await startedAt();
    const { pid } = await status();
    await orlop('suspend');
    const rests = await status();
    expect(rests.state.kind).toBe('suspended');
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(rests.usage.machineRssBytes).toBeUndefined();
    const saved = await stat(file('saved.zst'));
    expect([saved.mode & 0o777, saved.size]).toEqual([0o600, rests.state.fileBytes]);

    expect(await startedAt()).toBe(started);
    expect((await status()).state.stages.map((stage: { note?: string }) => stage.note).join()).toContain(
      'from the saved state',
    );
    expect(await docker('exec', 'stays', 'echo', 'here')).toBe('here');
    expect(existsSync(file('saved.zst'))).toBe(false);
    await expect.poll(clockOffset).toBeLessThanOrEqual(1);
  });

  it('comes back once for any number of requests, whenever in its coming back they are made', async () => {
    await orlop('suspend');
    const answers = [ping()];
    let back = false;
    const settled = () => {
      back = true;
    };
    answers[0]?.then(settled, settled);
    // What asks while the start ends once met a daemon that never answered again.
    const ask = () => {
      answers.push(ping());
      return back;
    };
    await expect.poll(ask, { timeout: 120_000, interval: 100 }).toBe(true);
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
    expect(answers.length).toBeGreaterThan(3);
  });

  it('keeps its saved state when the start from it is given up or its daemon killed, at whatever time', async () => {
    const started = await startedAt();
    const { pid } = await status();
    for (const end of ['given up', 'killed'] as const) {
      await orlop('suspend');
      const asked = ping().catch(() => undefined);
      const running = () => readFile(file('machine.pid'), 'utf8').catch(() => '');
      await expect.poll(running, { interval: 5 }).not.toBe('');
      if (end === 'given up') await orlop('down');
      else process.kill(await engine.daemonPid(), 'SIGKILL');
      await asked;
      await orlop('up');
      expect(await startedAt()).toBe(started);
    }
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  it('waits for requests after its daemon was killed too', async () => {
    await orlop('suspend');
    process.kill(await engine.daemonPid(), 'SIGKILL');
    expect((await status()).state.kind).toBe('suspended');
    expect(await docker('exec', 'stays', 'echo', 'here')).toBe('here');
  });

  it('has the right time soon after its processors stood still, whoever stopped them', async () => {
    await docker('run', '--rm', '--privileged', 'orlop/busybox', 'date', '-s', '@1000000000');
    expect(await clockOffset()).toBeGreaterThan(1000);
    await qmp('stop', 'cont');
    await expect.poll(clockOffset).toBeLessThanOrEqual(1);
    await docker('run', '--rm', '--privileged', 'orlop/busybox', 'date', '-s', '@1000000000');
    await orlop('sleep');
    await expect.poll(clockOffset).toBeLessThanOrEqual(1);
  });

  it('gives memory back to the host when a container that used it is gone', async () => {
    const rss = async (): Promise<number> => (await status()).usage.machineRssBytes;
    const fill = 'dd if=/dev/zero of=/dev/shm/x bs=1M count=300 2>/dev/null; exec sleep 1000000';
    await docker(
      'run',
      '-d',
      '--name',
      'large',
      '--init',
      '--shm-size',
      '400m',
      'orlop/busybox',
      'sh',
      '-c',
      fill,
    );
    const filled = async () => Number(await docker('exec', 'large', 'stat', '-c', '%s', '/dev/shm/x'));
    await expect.poll(() => filled().catch(() => 0)).toBe(300 * MIB);
    const used = (await status()).usage;
    expect(used.guestUsedBytes).toBeGreaterThan(300 * MIB);
    await docker('rm', '-f', 'large');
    // Some of what it takes may have been the machine's before; what it gives back is seen all the same.
    await expect.poll(rss).toBeLessThan(used.machineRssBytes - 150 * MIB);
  });

  /** Has the machine remember a file of 200 MiB; what its process holds then. */
  async function rememberFile(): Promise<{ machineMemoryBytes: number; guestRememberedBytes: number }> {
    await docker('exec', 'stays', 'sh', '-c', 'dd if=/dev/zero of=/f bs=1M count=200 2>/dev/null; sync');
    const { usage } = await status();
    expect(usage.guestRememberedBytes).toBeGreaterThan(150 * MIB);
    return usage;
  }
  const heldMemory = async (): Promise<number> => (await status()).usage.machineMemoryBytes;

  it('gives the host what it remembers of files when it is asked to, and keeps what was written', async () => {
    const filled = await rememberFile();
    const { agent } = JSON.parse(
      await readFile(join(engine.home, 'engine', 'default', 'guest.json'), 'utf8'),
    );
    const ask = `QUERY_STRING=${agent.token}/reclaim/${GIB} /usr/share/engine-agent/cgi-bin/agent`;
    expect(await orlop('ssh', 'default', '--', ask)).toContain('200 OK');
    expect((await status()).usage.guestRememberedBytes).toBeLessThan(filled.guestRememberedBytes - 120 * MIB);
    await expect.poll(heldMemory).toBeLessThan(filled.machineMemoryBytes - 100 * MIB);
    expect(await docker('exec', 'stays', 'sh', '-c', 'tr -d "\\0" </f | wc -c; wc -c </f; rm /f')).toBe(
      `0\n${200 * MIB}`,
    );
  });

  it.skipIf(process.env['ORLOP_LONG'] !== '1')(
    'gives the host what it remembers of files by itself, once it is quiet (ORLOP_LONG=1)',
    async () => {
      const filled = await rememberFile();
      const less = filled.machineMemoryBytes - 130 * MIB;
      await expect.poll(heldMemory, { timeout: 300_000, interval: 5000 }).toBeLessThan(less);
      await docker('exec', 'stays', 'rm', '/f');
    },
    400_000,
  );

  it('gives blocks of its disk back that the host holds and no file has', async () => {
    const disk = join(engine.home, 'engine', 'default', 'data.img');
    // As a copy that knows no holes leaves it: everything allocated, nothing changed.
    await run('fallocate', ['--length', String(3 * GIB), disk]);
    // Less what the machine discards of itself meanwhile.
    expect(JSON.parse(await orlop('disk', '--json')).diskUsedBytes).toBeGreaterThan(2.5 * GIB);
    const result = JSON.parse(await orlop('disk', 'reclaim', '--json'));
    expect(result.beforeBytes).toBeGreaterThan(2.5 * GIB);
    expect(result.afterBytes).toBeLessThan(500 * MIB);
    expect((await stat(disk)).blocks * 512).toBe(JSON.parse(await orlop('disk', '--json')).diskUsedBytes);
  });

  it('runs a command of the host with its streams, its exit status, and none of it left behind', async () => {
    const words = ['ssh', 'default', '--', 'cat; echo said >&2; docker ps -q | wc -l; exit 7'];
    const ran = spawnSync(process.execPath, [program, ...words], { env: engine.env, input: 'in\n' });
    expect([ran.status, ran.stdout.toString(), ran.stderr.toString()]).toEqual([7, 'in\n1\n', 'said\n']);
    // Its own pipe, and the number of its process.
    const left = () => orlop('ssh', 'default', 'ls /run/engine/exec | wc -l');
    await expect.poll(left).toBe('2\n');
  });

  it("lets no container reach the machine's own ports, by any address or network", async () => {
    const ports = (await readFile(join(engine.home, 'engine', 'default', 'guest.json'), 'utf8')).match(
      /"port":\d+/g,
    );
    const known = new Set([
      2370,
      2371,
      2372,
      2374,
      2376,
      ...(ports ?? []).map((port) => Number(port.slice(7))),
    ]);
    expect(known.size).toBeGreaterThanOrEqual(6);
    // And where the machine's programs listen for them: guest/src/engine/engine-paths.ts.
    const all = [...known].flatMap((port) => [port, 60_000 + port]);
    await docker('network', 'create', '--ipv6', '--subnet', 'fd5a:7::/64', 'six');
    const list = "ip -o addr | grep -v fe80: | sed 's/.*inet6* //; s:/.*::'";
    const own = (await orlop('ssh', 'default', list)).trim().split('\n');
    expect(own.length).toBeGreaterThanOrEqual(7);
    expect(own).toEqual(expect.arrayContaining(['::1', 'fd5a:7::1', '127.0.0.1']));
    const ask = (address: string) =>
      all.map(
        (port) => `(nc -w 5 ${address} ${port} </dev/null >/dev/null 2>&1 && echo ${address} ${port}) &`,
      );
    const script = `${own.flatMap(ask).join(' ')} wait; echo asked`;
    for (const network of ['bridge', 'host', 'six']) {
      expect(await docker('run', '--rm', `--net=${network}`, 'orlop/busybox', 'sh', '-c', script)).toBe(
        'asked',
      );
    }
    await docker('network', 'rm', 'six');
  });

  it('is copied while it is suspended, and rests on', async () => {
    await orlop('suspend');
    await orlop('snapshot', 'create', 'rest');
    expect((await status()).state.kind).toBe('suspended');
    await expect(orlop('snapshot', 'restore', 'nosuch')).rejects.toThrow('there is no snapshot');
    expect((await status()).state.kind).toBe('suspended');
    await orlop('snapshot', 'rm', 'rest');
    expect(await docker('exec', 'stays', 'echo', 'here')).toBe('here');
  });

  it('is copied while its containers go on, and comes back from that after all is lost', async () => {
    const started = await startedAt();
    const words = ['run', '--rm', '-v', 'precious:/v', 'orlop/busybox', 'sh', '-c'];
    await docker(...words, 'seq 1 100000 >/v/numbers');
    const digest = await docker(...words, 'sha256sum /v/numbers');
    const made = JSON.parse(await orlop('snapshot', 'create', 'good', '--json'));
    expect(made.usedBytes).toBeLessThan(500 * MIB);
    expect(await startedAt()).toBe(started);
    expect(await readFile(join(engine.home, 'daemon', 'log'), 'utf8')).not.toContain('without being frozen');
    await docker('rm', '-f', 'stays');
    await docker('volume', 'rm', 'precious');
    await docker('rmi', 'orlop/busybox');
    await orlop('down', '--save');
    expect((await status()).state).toMatchObject({ kind: 'stopped', reason: 'saved' });
    const disk = await open(join(engine.home, 'engine', 'default', 'data.img'), 'r+');
    await disk.write(Buffer.alloc(4 * MIB, 0xa5), 0, 4 * MIB, 0);
    await disk.close();
    await orlop('snapshot', 'restore', 'good');
    // The state that was saved is of the other disk.
    expect((await status()).state).toMatchObject({ kind: 'stopped', reason: 'asked' });
    expect((await status()).usage.savedBytes).toBe(0);
    await orlop('up');
    expect(await docker(...words, 'sha256sum /v/numbers')).toBe(digest);
    await orlop('snapshot', 'rm', 'good');
    expect(await orlop('snapshot', 'ls')).toBe('');
  });

  it("answers each operation as the API's document says, while it runs, rests and comes back", async () => {
    const api = new DescribedApi(describeApi());
    const folder = join(engine.home, 'for-the-api');
    await mkdir(folder);
    const asked: readonly (readonly [Operation, object?])[] = [
      ['status'],
      ['start'],
      ['engine'],
      ['usage'],
      ['ports'],
      ['sleep'],
      ['usage'],
      ['wake'],
      ['diskReclaim'],
      ['syncCreate', { path: folder, exclude: ['*.log'] }],
      ['syncs'],
      ['syncFlush'],
      ['syncPause'],
      ['syncResume'],
      ['syncRemove'],
      ['snapshotCreate'],
      ['snapshots'],
      ['snapshotRemove'],
      ['suspend'],
      ['status'],
      ['wake'],
      ['status'],
    ];
    const params = { name: 'default', snapshot: 'api', sync: '' };
    for (const [operation, body] of asked) {
      const { method, path } = routes[operation];
      const answer = await askSocket(join(engine.home, 'daemon', 'api.sock'), {
        ...{ method, path: fillPath(path, params), body },
      });
      expect([operation, answer.status, answer.text]).toEqual([operation, 200, expect.any(String)]);
      expect(api.problemsOf({ method, path, ...answer })).toEqual([]);
      if (operation === 'syncCreate') params.sync = JSON.parse(answer.text).id;
    }
  });

  it('stands beside another with its own containers, ports and context', async () => {
    await orlop('up', 'two', '--memory', '512MiB');
    const other = { ...engine.env, DOCKER_HOST: '', DOCKER_CONTEXT: 'orlop-two' };
    const named = await run('docker', ['info', '-f', '{{.Name}} {{.Images}}'], { env: other });
    expect(named.stdout).toBe('orlop-two 0\n');
    expect(await docker('info', '-f', '{{.Name}} {{.Images}}')).toBe('orlop 1');
    const engines = JSON.parse(await orlop('status', '--json'));
    expect(
      engines.map(({ name, state }: { name: string; state: { kind: string } }) => [name, state.kind]),
    ).toEqual([
      ['default', 'running'],
      ['two', 'running'],
    ]);
    const port = await freePort();
    await docker(
      'run',
      '-d',
      '--name',
      'web',
      '-p',
      `127.0.0.1:${port}:80`,
      'orlop/busybox',
      'sleep',
      '1000',
    );
    const inOther = (...words: readonly string[]) => run('docker', words, { env: other });
    const archive = join(engine.home, 'empty.tar');
    await writeFile(archive, Buffer.alloc(1024)); // the end of an archive, and nothing before it
    await inOther('import', archive, 'empty');
    await inOther('create', '--name', 'late', '-p', `${port}:80`, 'empty', 'x');
    await expect(inOther('start', 'late')).rejects.toThrow(
      /port is already allocated .*by container web of the engine "default"/,
    );
    await docker('rm', '-f', 'web');
    await orlop('reset', 'two', '--force');
    expect(existsSync(join(engine.home, 'engine', 'two', 'data.img'))).toBe(false);
    expect(await docker('info', '-f', '{{.Images}}')).toBe('1');
  });

  it('tells all about itself and none of its secrets', async () => {
    const bundle = await orlop('diagnose', '--json');
    expect(JSON.parse(bundle)['status.json']).toContain('"running"');
    const guest = JSON.parse(await readFile(join(engine.home, 'engine', 'default', 'guest.json'), 'utf8'));
    for (const secret of [guest.agent.token, guest.tls.key.split('\n')[1]]) {
      expect(secret.length).toBeGreaterThan(30);
      expect(bundle).not.toContain(secret);
    }
  });
});
