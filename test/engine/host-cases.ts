import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer as createWebServer, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { askTime } from './ask-time.ts';
import { type EngineUnderTest, freePort, page, tryFetch } from './engine-under-test.ts';
import type { HostServices } from './host-services.ts';

const LONG = process.env['ORLOP_LONG'] === '1';

/** How the engine and its host see each other. */
export function hostCases(engine: EngineUnderTest, services: () => HostServices | undefined): void {
  const host = (): HostServices => {
    const started = services();
    if (started === undefined) throw new Error("the host's services have not been started");
    return started;
  };
  const docker = (...words: readonly string[]) => engine.docker(...words);
  const wget = (...words: readonly string[]) =>
    docker('run', '--rm', 'busybox', 'wget', '-T', '5', '-q', '-O', '-', ...words).then(
      (text) => text,
      (error: Error) => `refused: ${error.message}`,
    );

  it('publishes what --net=host containers listen on, TCP and UDP, at their addresses, while they live', async () => {
    const [loopback, all, six] = [await freePort(), await freePort(), await freePort()];
    const udp = 20_123;
    const serve = `mkdir /w; echo hi >/w/index.html; httpd -p 127.0.0.1:${loopback} -h /w; httpd -p [::1]:${six} -h /w; exec httpd -f -p ${all} -h /w`;
    await docker('run', '-d', '--name', 'native', '--net=host', 'busybox', 'sh', '-c', serve);
    const time = [
      'chronyd',
      '-d',
      '-x',
      '-u',
      'root',
      `port ${udp}`,
      'cmdport 0',
      'local stratum 8',
      'allow all',
    ];
    await docker('run', '-d', '--name', 'clock', '--net=host', 'chrony', ...time);
    await expect.poll(() => tryFetch(`http://127.0.0.1:${loopback}/`)).toBe('hi\n');
    await expect.poll(() => tryFetch(`http://127.0.0.1:${all}/`)).toBe('hi\n');
    await expect.poll(() => tryFetch(`http://[::1]:${six}/`)).toBe('hi\n');
    const ports = async () =>
      (await engine.status()).ports.filter((port: { container: string }) => port.container !== 'keep');
    await expect.poll(ports).toEqual(
      expect.arrayContaining(
        [
          { hostAddress: '127.0.0.1', hostPort: loopback, container: 'native', protocol: 'tcp' },
          { hostAddress: '0.0.0.0', hostPort: all, container: 'native', protocol: 'tcp' },
          { hostAddress: '0.0.0.0', hostPort: udp, container: 'clock', protocol: 'udp' },
        ].map((port) => expect.objectContaining({ ...port, state: 'open' })),
      ),
    );
    expect(await askTime(udp)).toBe(4);
    await docker('rm', '-f', 'native', 'clock');
    await expect.poll(ports).toEqual([]);
  });

  it('has Docker choose ports that the host can give, and names who has one of a range', async () => {
    const serve = (name: string, ...words: readonly string[]) =>
      docker('run', '-d', '--name', name, ...words, 'busybox', 'sh', '-c', page('hi'));
    const portOf = async (name: string) => Number(/:(\d+)\n/.exec(await docker('port', name, '80'))?.[1]);
    await serve('chosen', '-p', '80');
    const first = await portOf('chosen');
    // Docker takes one after the other.
    const [next, range] = [createServer(), createServer()];
    await once(next.listen(first + 1, '127.0.0.1'), 'listening');
    await once(range.listen(0, '0.0.0.0'), 'listening');
    try {
      await serve('other', '-p', '80');
      expect(await portOf('other')).toBeGreaterThan(first + 1);
      expect(await tryFetch(`http://[::1]:${await portOf('other')}/`)).toBe('hi\n');
      const { port } = range.address() as AddressInfo;
      const ranged = ['-p', `${port}-${port + 1}:80`];
      await expect(serve('ranged', ...ranged)).rejects.toMatchObject({
        stderr: expect.stringContaining(`Bind for 0.0.0.0:${port} failed: port is already allocated`),
      });
      await docker('start', 'ranged');
      expect(await portOf('ranged')).toBe(port + 1);
      // Where Docker chooses none, since the container has no address of IPv6, the host does.
      await serve('six', '-p', '[::1]::80');
      const ofSix = ({ container }: { readonly container: string }) => container === 'six';
      const [six] = (await engine.status()).ports.filter(ofSix);
      expect(six).toMatchObject({ hostAddress: '::1', state: 'open' });
      expect(await tryFetch(`http://[::1]:${six.hostPort}/`)).toBe('hi\n');
    } finally {
      next.close();
      range.close();
      await docker('rm', '-f', 'chosen', 'other', 'ranged', 'six');
    }
  });

  it("publishes a port through the network that leads out, whatever the others' names, and the machine's own", async () => {
    const port = await freePort();
    await docker('network', 'create', '--internal', 'a-shut');
    await docker('network', 'create', 'b-open');
    try {
      const words = ['--network', 'a-shut', '--network', 'b-open', '-p', `${port}:80`, 'busybox'];
      await docker('run', '-d', '--name', 'both', ...words, 'sh', '-c', page('both'));
      await expect.poll(() => tryFetch(`http://127.0.0.1:${port}/`)).toBe('both\n');
      // The port that the machine's own dockerd is asked at, as Docker in Docker publishes it.
      await docker(
        'run',
        '-d',
        '--name',
        'inner',
        '-p',
        '127.0.0.2:2376:80',
        'busybox',
        'sh',
        '-c',
        page('in'),
      );
      await expect.poll(() => tryFetch('http://127.0.0.2:2376/')).toBe('in\n');
    } finally {
      await docker('rm', '-f', 'both', 'inner');
      await docker('network', 'rm', 'a-shut', 'b-open');
    }
  });

  it("gives a container that mounts the host's Docker socket that of the machine", async () => {
    const socket = `${engine.home}/engine/default/docker.sock`;
    const words = ['--name', 'reaper', '-v', `${socket}:/s`, 'busybox', 'test', '-S', '/s'];
    await docker('run', ...words);
    expect(await docker('inspect', '-f', '{{.HostConfig.Binds}}', 'reaper')).toBe(
      '[/var/run/docker.sock:/s]\n',
    );
    await docker('rm', 'reaper');
  });

  it.runIf(LONG)("publishes what a swarm's services do, until they are gone (ORLOP_LONG=1)", async () => {
    const [first, second] = [await freePort(), await freePort()];
    const get = (port: number) => () => tryFetch(`http://127.0.0.1:${port}/`);
    await docker('swarm', 'init');
    try {
      const words = ['--name', 'web', '-p', `${first}:80`, 'busybox', 'sh', '-c', page('swarm')];
      await docker('service', 'create', '-q', '-d', ...words);
      await expect.poll(get(first), { timeout: 120_000 }).toBe('swarm\n');
      const change = ['--publish-rm', `${first}:80`, '--publish-add', `${second}:80`];
      await docker('service', 'update', '-q', '-d', ...change, 'web');
      await expect.poll(get(second), { timeout: 120_000 }).toBe('swarm\n');
      expect(await get(first)()).toBe('');
      await docker('service', 'rm', 'web');
      const ports = async () =>
        (await engine.status()).ports.filter((port: { container: string }) => port.container === 'web');
      await expect.poll(ports).toEqual([]);
    } finally {
      await docker('swarm', 'leave', '--force');
    }
  });

  it('lets containers reach the host as host.docker.internal, and by none of its own addresses', async () => {
    const port = (host().everywhere.address() as { readonly port: number }).port;
    expect(await wget(`http://host.docker.internal:${port}/`)).toBe('the host');
    // What many compose files have, for Docker on Linux.
    const named = ['--add-host', 'host.docker.internal:host-gateway', '--device', '/dev/net/tun'];
    const fetched = ['busybox', 'wget', '-T', '5', '-q', '-O', '-', `http://host.docker.internal:${port}/`];
    expect(await docker('run', '--rm', ...named, ...fetched)).toBe('the host');
    const own = ownAddress('IPv4');
    if (own === undefined) return; // a host without a network has no such address
    expect(await tryFetch(`http://${own}:${port}/`)).toBe('the host');
    expect(await wget(`http://${own}:${port}/`)).toMatch(
      /^refused: .*(No route to host|prohibited|unreachable)/s,
    );
  });

  it('gives containers of a network with IPv6 the host by its name, each other, and a port of ::1', async () => {
    const six = createWebServer((_, response) => response.end('the host'));
    await once(six.listen(0, '::1'), 'listening');
    const port = await freePort();
    try {
      await docker('network', 'create', '--ipv6', '--subnet', 'fd5a:6::/64', 'six');
      const words = ['-d', '--name', 'six', '--network', 'six', '-p', `[::1]:${port}:80`, 'busybox'];
      await docker('run', ...words, 'sh', '-c', page('six'));
      expect(await tryFetch(`http://[::1]:${port}/`)).toBe('six\n');
      const script = `
        of() { nslookup -type=aaaa $1 | sed -n 's/^Address: \\(.*:.*:.*\\)/\\1/p' | tail -n 1; }
        get() { wget -T 5 -q -O - "http://[$1]:$2/" 2>&1; echo; }
        get $(of host.docker.internal) ${(six.address() as AddressInfo).port}; ping -6 -c 1 -W 5 six >/dev/null && echo six; get ${ownAddress('IPv6') ?? '2001:db8::1'} 9`;
      const said = await docker('run', '--rm', '--network', 'six', 'busybox', 'sh', '-c', script);
      expect(said).toMatch(
        /^the host\nsix\nwget: .*(Permission denied|No route to host|prohibited|unreachable)/,
      );
    } finally {
      six.close();
      await docker('rm', '-f', 'six');
      await docker('network', 'rm', 'six');
    }
  });

  it("sends containers, builds and dockerd through the host's proxy, with its name and password", async () => {
    expect(await wget('http://203.0.113.5/in-a-container')).toBe('the proxy');
    const folder = join(engine.home, 'proxied');
    await host().writeDockerfile(folder, 'FROM busybox\nRUN wget -q -O /out http://203.0.113.5/in-a-build\n');
    await docker('build', '-q', '-t', 'proxied', folder);
    expect(await docker('run', '--rm', 'proxied', 'cat', '/out')).toBe('the proxy');
    await docker('pull', '-q', 'registry.test/library/busybox');
    const digest = (image: string) => docker('image', 'inspect', '-f', '{{.Id}}', image);
    expect(await digest('registry.test/library/busybox')).toBe(await digest('busybox'));
    expect(host().asked).toEqual(
      expect.arrayContaining([
        'GET http://203.0.113.5:80/in-a-container',
        'GET http://203.0.113.5:80/in-a-build',
        'CONNECT registry.test:443',
        'HEAD /v2/library/busybox/manifests/latest over TLS',
      ]),
    );
    await expect(docker('pull', 'elsewhere.test/any')).rejects.toThrow(/Bad Gateway/);
  });

  it('sends what the setting excludes past the proxy', async () => {
    expect(await wget('http://203.0.113.9/excluded')).toMatch(/^refused: /);
    expect(host().asked.filter((line) => line.includes('203.0.113.9'))).toEqual([]);
  });

  it("gives containers the proxies of the Docker client's own configuration, which they reach", async () => {
    const folder = join(engine.home, 'own-configuration');
    await mkdir(folder);
    const httpProxy = host().proxyUrl.replace('127.0.0.1', 'host.docker.internal');
    await writeFile(join(folder, 'config.json'), JSON.stringify({ proxies: { default: { httpProxy } } }));
    const words = ['wget', '-q', '-O', '-', 'http://203.0.113.9/by-its-environment'];
    expect(await docker('--config', folder, 'run', '--rm', 'busybox', ...words)).toBe('the proxy');
    expect(host().asked).toContain('GET http://203.0.113.9:80/by-its-environment');
  });

  it('asks the name servers of the setting', async () => {
    const lookUp = (name: string) =>
      docker('run', '--rm', 'busybox', 'sh', '-c', `nslookup -type=a ${name} 2>&1; true`);
    expect(await lookUp('told.test.')).toContain('203.0.113.77');
    expect(await lookUp('untold.test.')).toMatch(/NXDOMAIN|REFUSED/);
  });

  it('has a running dockerd ask other mirrors, and none any more', async () => {
    const mirrors = () =>
      docker('info', '-f', '{{.RegistryConfig.Mirrors}} {{.RegistryConfig.InsecureRegistryCIDRs}}');
    const started = (await engine.status()).state.since;
    await engine.orlop('config', 'set', 'docker.mirrors', 'http://host.docker.internal:9/');
    await expect.poll(mirrors).toContain(':5000/ http://host.docker.internal:9/]');
    expect((await engine.status()).pendingRestart).toEqual([]);
    await engine.orlop('config', 'unset', 'docker.mirrors');
    await expect.poll(mirrors).toContain(':5000/]');
    expect((await engine.status()).state.since).toBe(started);
  });

  it('trusts the authorities that the host hands in', async () => {
    const port = (host().secure.address() as { readonly port: number }).port;
    await expect(docker('pull', `host.docker.internal:${port}/trusted`)).rejects.toThrow(/not found|unknown/);
    expect(host().asked).toContain('GET /v2/trusted/manifests/latest over TLS');
  });

  it('leaks neither sockets nor goroutines over many requests, half of them given up', async () => {
    const daemon = await engine.daemonPid();
    const descriptors = async () => (await readdir(`/proc/${daemon}/fd`)).length;
    const inside = async () => {
      const [files = 0, goroutines = 0] = (await docker('info', '-f', '{{.NFd}} {{.NGoroutines}}'))
        .split(' ')
        .map(Number);
      return { files, goroutines };
    };
    await ask(20);
    const before = { descriptors: await descriptors(), ...(await inside()) };
    const answered = await ask(LONG ? 4000 : 400);
    expect(answered).toBe(LONG ? 2000 : 200);
    await expect.poll(descriptors).toBeLessThanOrEqual(before.descriptors + 2);
    await expect.poll(async () => (await inside()).files).toBeLessThanOrEqual(before.files + 2);
    await expect.poll(async () => (await inside()).goroutines).toBeLessThanOrEqual(before.goroutines + 4);
  });

  /** Each second request is dropped once it was sent. */
  async function ask(count: number): Promise<number> {
    const socketPath = `${engine.home}/engine/default/docker.sock`;
    let answered = 0;
    let next = 0;
    const worker = async () => {
      while (next < count) {
        const giveUp = next++ % 2 === 1;
        await new Promise<void>((settled) => {
          const asked = request({ socketPath, path: '/_ping', agent: false }, (answer) => {
            answered++;
            answer.resume();
            answer.once('close', settled);
          });
          asked.once('error', () => settled());
          asked.end(() => {
            if (giveUp) asked.destroy();
          });
        });
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    return answered;
  }
}

/** Of an interface of this host that others reach, if it has one. */
function ownAddress(family: 'IPv4' | 'IPv6'): string | undefined {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find((one) => one.family === family && !one.internal && !one.address.startsWith('fe80:'))?.address;
}
