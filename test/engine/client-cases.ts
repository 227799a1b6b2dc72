import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { collect, type EngineUnderTest, endOf, fetchText, freePort, tryFetch } from './engine-under-test.ts';
import { GitHost } from './git-host.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What people do with Docker's client, buildx and compose. */
export function clientCases(engine: EngineUnderTest): void {
  const { docker } = bound(engine);

  it('builds with BuildKit, by docker build and by buildx, out of images of the registry', async () => {
    const folder = join(engine.home, 'build');
    await mkdir(folder, { recursive: true });
    const big = randomBytes(2_000_000);
    await writeFile(join(folder, 'big'), big);
    await writeFile(
      join(folder, 'Dockerfile'),
      `FROM busybox AS build
ARG WORD
RUN --mount=type=cache,target=/cache --mount=type=secret,id=key \\
  echo "$WORD $(cat /run/secrets/key)" >/out && echo >>/cache/runs && wc -l </cache/runs >>/out
FROM busybox
COPY --from=build /out /out
COPY big /big
`,
    );
    await writeFile(join(engine.home, 'key'), 'secret');
    const words = ['--secret', `id=key,src=${join(engine.home, 'key')}`, folder];
    await docker('build', '-q', '-t', 'one', '--build-arg', 'WORD=first', ...words);
    await docker('buildx', 'build', '-q', '--load', '-t', 'two', '--build-arg', 'WORD=second', ...words);
    expect(await docker('run', '--rm', 'one', 'cat', '/out')).toBe('first secret\n1\n');
    expect(await docker('run', '--rm', 'two', 'sh', '-c', 'cat /out; sha256sum /big')).toBe(
      `second secret\n2\n${sha256(big)}  /big\n`,
    );
    await docker('rmi', 'one', 'two');
  });

  it('builds out of a git repository on the host, with its submodule, and adds one with its history', async () => {
    const hosted = new GitHost(join(engine.home, 'git'));
    const out = join(engine.home, 'from-git');
    try {
      await hosted.open(() => ({
        Dockerfile: `FROM scratch\nCOPY . /context\nADD --keep-git-dir=true ${hosted.url('part.git#main')} /added\n`,
      }));
      await docker('buildx', 'build', '-q', '-o', out, hosted.url('main.git#main'));
    } finally {
      hosted.close();
    }
    expect(await readFile(join(out, 'context', 'part', 'in-part'), 'utf8')).toBe('of the submodule\n');
    expect(await readFile(join(out, 'added', 'in-part'), 'utf8')).toBe('of the submodule\n');
    expect(await readdir(join(out, 'added', '.git'))).toContain('HEAD');
  });

  it('brings three services up by compose, which find each other by name', async () => {
    const folder = join(engine.home, 'shop');
    await mkdir(join(folder, 'web'), { recursive: true });
    const port = await freePort();
    await writeFile(
      join(folder, 'compose.yml'),
      `services:
  store:
    image: redis
    volumes: [kept:/data]
    healthcheck: { test: [CMD-SHELL, "redis-cli ping | grep -q PONG || nc -z localhost 6379"], interval: 2s, timeout: 20s, retries: 60 }
  filler:
    image: busybox
    depends_on: { store: { condition: service_healthy } }
    command: [sh, -c, 'printf "SET word deck\\r\\n" | nc -w 5 store 6379']
  web:
    build: web
    depends_on: { filler: { condition: service_completed_successfully } }
    ports: ["127.0.0.1:${port}:80"]
volumes: { kept: {} }
`,
    );
    await writeFile(
      join(folder, 'web', 'Dockerfile'),
      `FROM busybox
RUN mkdir -p /w/cgi-bin && printf '#!/bin/sh\\necho; printf "GET word\\\\r\\\\nQUIT\\\\r\\\\n" | nc -w 5 store 6379\\n' >/w/cgi-bin/word && chmod +x /w/cgi-bin/word
CMD ["httpd", "-f", "-p", "80", "-h", "/w"]
`,
    );
    const compose = (...words: string[]) => docker('compose', '--project-directory', folder, ...words);
    await compose('up', '-d', '--quiet-pull');
    await expect.poll(() => tryFetch(`http://127.0.0.1:${port}/cgi-bin/word`)).toContain('deck');
    expect((await compose('ps', '--services')).trim().split('\n').sort()).toEqual(['store', 'web']);
    await compose('down', '-v', '-t', '1', '--rmi', 'local');
    expect(await docker('ps', '-aq', '--filter', 'label=com.docker.compose.project')).toBe('');
  });

  it('gives exec -it a terminal, with its size and the changes of that', async () => {
    await docker('run', '-d', '--name', 'shell', 'busybox', 'sleep', '1000');
    const inner = 'tty; while sleep 1; do stty size; done';
    const go = join(engine.home, 'go');
    const resize = `while [ ! -e ${go} ]; do sleep 0.2; done; stty rows 40 cols 100 </dev/tty`;
    const script = `stty rows 33 cols 77; (${resize}) & exec docker exec -it shell sh -c '${inner}'`;
    const child = spawn('script', ['-qec', script, '/dev/null'], { env: engine.env, stdio: 'pipe' });
    const heard = collect(child.stdout);
    await expect.poll(() => heard.text).toContain('33 77');
    expect(heard.text).toContain('/dev/pts/');
    await writeFile(go, '');
    await expect.poll(() => heard.text).toContain('40 100');
    await docker('rm', '-f', 'shell');
    child.stdin.end();
    await endOf(child);
  });

  it('attaches to a container, and the end of input is seen there', async () => {
    const streams = ['-i', '-a', 'stdin', '-a', 'stdout', '-a', 'stderr'];
    await docker('create', ...streams, '--name', 'cat', 'busybox', 'sha256sum');
    const input = randomBytes(300_000);
    expect((await engine.pipe(['start', '-ai', 'cat'], input)).toString()).toContain(sha256(input));
    await docker('rm', '-f', 'cat');
  });

  it('copies files out and in, as they are', async () => {
    await docker('run', '-d', '--name', 'files', 'busybox', 'sleep', '1000');
    const bytes = randomBytes(8_000_000);
    const [there, back] = [join(engine.home, 'there'), join(engine.home, 'back')];
    await writeFile(there, bytes, { mode: 0o640 });
    await docker('cp', '-q', there, 'files:/tmp/there');
    expect(await docker('exec', 'files', 'sh', '-c', 'sha256sum </tmp/there; stat -c %a /tmp/there')).toBe(
      `${sha256(bytes)}  -\n640\n`,
    );
    await docker('cp', '-q', 'files:/tmp/there', back);
    expect(sha256(await readFile(back))).toBe(sha256(bytes));
    await docker('rm', '-f', 'files');
  });

  it('follows logs while they are written, and events while they happen', async () => {
    const events = engine.spawn('events', '--filter', 'container=chatty', '--format', '{{.Action}}');
    const happened = collect(events.stdout);
    await docker(
      'run',
      '-di',
      '--name',
      'chatty',
      'busybox',
      'sh',
      '-c',
      'while read line; do [ "$line" != end ] || exit 0; echo "got $line"; done',
    );
    const logs = engine.spawn('logs', '-f', 'chatty');
    const written = collect(logs.stdout);
    const attached = engine.spawn('attach', '--sig-proxy=false', 'chatty');
    attached.stdin.write('one\n');
    await expect.poll(() => written.text).toBe('got one\n');
    attached.stdin.write('two\nend\n');
    expect(await endOf(logs)).toBe(0);
    expect(written.text).toBe('got one\ngot two\n');
    await docker('rm', 'chatty');
    await expect
      .poll(() => happened.text.trim().split('\n'))
      .toEqual(expect.arrayContaining(['create', 'start', 'attach', 'die', 'destroy']));
    events.kill();
    await endOf(events);
  });

  it('shows what a container takes', async () => {
    await docker('run', '-d', '--name', 'taker', '-m', '64m', 'busybox', 'sleep', '1000');
    const stats = JSON.parse(await docker('stats', '--no-stream', '--format', 'json', 'taker'));
    expect(stats.MemUsage).toMatch(/^[\d.]+[KM]iB \/ 64MiB$/);
    expect(Number(stats.PIDs)).toBe(1);
    await docker('rm', '-f', 'taker');
  });

  it('keeps volumes, and shuts networks off from each other', async () => {
    await docker('volume', 'create', 'kept');
    await docker('run', '--rm', '-v', 'kept:/v', 'busybox', 'sh', '-c', 'echo there >/v/word');
    expect(await docker('run', '--rm', '-v', 'kept:/v:ro', 'busybox', 'cat', '/v/word')).toBe('there\n');
    await docker('network', 'create', 'inner');
    const serve = 'echo hi >/tmp/index.html; exec httpd -f -p 80 -h /tmp';
    await docker('run', '-d', '--name', 'named', '--network', 'inner', 'busybox', 'sh', '-c', serve);
    const get = ['wget', '-T', '5', '-q', '-O', '-', 'http://named/'];
    const inside = () => docker('run', '--rm', '--network', 'inner', 'busybox', ...get).catch(() => '');
    await expect.poll(inside).toBe('hi\n');
    const address = await docker('inspect', '-f', '{{.NetworkSettings.Networks.inner.IPAddress}}', 'named');
    const outside = ['wget', '-T', '5', '-q', '-O', '-', `http://${address.trim()}/`];
    await expect(docker('run', '--rm', 'busybox', ...outside)).rejects.toThrow(/timed out|unreachable/);
    await docker('rm', '-f', 'named');
    await docker('network', 'rm', 'inner');
    await docker('volume', 'rm', 'kept');
  });

  it('runs images of another architecture', async () => {
    const words = ['run', '--rm', '--platform', 'linux/arm64', 'manybox', 'uname', '-m'];
    await expect.poll(() => docker(...words).catch(String)).toBe('aarch64\n');
    expect(await docker('image', 'inspect', '-f', '{{.Architecture}}', 'manybox')).toBe('arm64\n');
  });

  it('tells of a registry that has no such image', async () => {
    await expect(docker('pull', 'no-such-image')).rejects.toThrow('registry-1.docker.io');
    const status = JSON.parse(await engine.orlop('registry', 'status', '--json'));
    expect(status.images).toEqual(expect.arrayContaining(['library/redis:latest', 'orlop/redis:latest']));
  });

  it('refuses what would change the registry from within the machine', async () => {
    const push = 'http://192.168.127.1:5000/v2/library/evil/blobs/uploads/';
    const words = ['wget', '-T', '5', '-q', '-O', '-', '--post-data', 'x', push];
    const refused = (network: string) =>
      docker('run', '--rm', `--network=${network}`, 'busybox', ...words).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    expect(await refused('bridge')).toMatch(/timed out/);
    expect(await refused('host')).toMatch(/405 Method Not Allowed/);
  });

  it('publishes on IPv6 too, and at no address that was not asked for', async () => {
    const [all, one] = [await freePort(), await freePort()];
    const ports = ['-p', `${all}:80`, '-p', `127.0.0.1:${one}:80`];
    const serve = 'echo hi >/tmp/index.html; exec httpd -f -p 80 -h /tmp';
    await docker('run', '-d', '--name', 'both', ...ports, 'busybox', 'sh', '-c', serve);
    await expect.poll(() => tryFetch(`http://[::1]:${all}/`)).toBe('hi\n');
    expect(await fetchText(`http://127.0.0.1:${one}/`)).toBe('hi\n');
    expect([await tryFetch(`http://127.0.0.2:${one}/`), await tryFetch(`http://[::1]:${one}/`)]).toEqual([
      '',
      '',
    ]);
    await docker('rm', '-f', 'both');
  });
}

function bound(engine: EngineUnderTest) {
  return { docker: (...words: readonly string[]) => engine.docker(...words) };
}
