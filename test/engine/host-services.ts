import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { request as ask, createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, vi } from 'vitest';
import { freePort } from '../harness/free-port.ts';

const run = promisify(execFile);

/** What a user's host has that an engine is to reach, or to go through. */
export interface HostServices {
  /** Listens on every address of the host. */
  readonly everywhere: Server;
  /** What stands for the world behind the host's proxy: it answers every name, and registry.test is {@link secure}. */
  readonly world: Server;
  /** A real proxy before it, which wants a name and a password. */
  readonly proxyUrl: string;
  /** ADDRESS#PORT of a name server that knows told.test as 203.0.113.77, and nothing else. */
  readonly nameServer: string;
  /** With a certificate of an authority that only this host trusts; under registry.test it has what the home's registry has. */
  readonly secure: Server;
  readonly authority: string;
  /** What world and secure server were asked for. */
  readonly asked: string[];
  writeDockerfile(folder: string, text: string): Promise<void>;
  close(): void;
}

/** @param registrySocket of the home's registry, once there is one */
export async function startHostServices(folder: string, registrySocket: () => string): Promise<HostServices> {
  const asked: string[] = [];
  const everywhere = createServer((_, response) => response.end('the host'));
  const world = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end('the proxy');
  });
  world.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    if (request.url !== 'registry.test:443') {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    const onward = connect(portOf(secure), '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    for (const side of [onward, socket]) side.on('error', () => side.destroy());
    socket.pipe(onward).pipe(socket);
  });
  const { authority, key, certificate } = await makeCertificates(folder);
  const secure = createSecureServer({ key, cert: certificate }, (request, response) => {
    asked.push(`${request.method} ${request.url} over TLS`);
    if (request.headers.host === 'registry.test') {
      const { method, url: path, headers } = request;
      const onward = ask({ socketPath: registrySocket(), method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.once('error', () => response.destroy());
      request.pipe(onward);
      return;
    }
    response.writeHead(request.url === '/v2/' ? 200 : 404, { 'content-type': 'application/json' });
    response.end(
      request.url === '/v2/' ? '{}' : '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}',
    );
  });
  const listen = (server: Server, address: string) =>
    new Promise<void>((settled) => server.listen(0, address, settled));
  await Promise.all([listen(everywhere, '0.0.0.0'), listen(world, '127.0.0.1'), listen(secure, '127.0.0.1')]);
  const { proxyUrl, process: proxy } = await startProxy(folder, portOf(world));
  const names = await startNameServer();
  return {
    ...{ everywhere, world, proxyUrl, secure, authority, asked },
    nameServer: names.nameServer,
    writeDockerfile: async (into, text) => {
      await mkdir(into, { recursive: true });
      await writeFile(join(into, 'Dockerfile'), text);
    },
    close: () => {
      proxy.kill();
      names.process.kill();
      for (const server of [everywhere, world, secure]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

const portOf = (server: Server) => (server.address() as { readonly port: number }).port;

/** Debian's tinyproxy, which lets nobody through without a name and a password. */
async function startProxy(
  folder: string,
  upstream: number,
): Promise<{ readonly proxyUrl: string; readonly process: ChildProcess }> {
  const [port, user, password] = [await freePort(), 'orlop', 'p-ss.w'];
  const configuration = join(folder, 'tinyproxy.conf');
  const lines = [
    `Port ${port}`,
    'Listen 127.0.0.1',
    'MaxClients 50',
    'Timeout 60',
    `LogFile "${join(folder, 'tinyproxy.log')}"`,
    `BasicAuth ${user} ${password}`,
    `Upstream http 127.0.0.1:${upstream}`,
  ];
  await writeFile(configuration, `${lines.join('\n')}\n`);
  const process = spawn('tinyproxy', ['-d', '-c', configuration], { stdio: 'ignore' });
  await once(process, 'spawn');
  const proxyUrl = `http://${user}:${password}@127.0.0.1:${port}`;
  // `fetch` takes the answer of a proxy that wants a name for a failure of the network.
  const status = () =>
    new Promise((settled, failed) => {
      ask({ port }, (answer) => settled(answer.resume().statusCode))
        .once('error', failed)
        .end();
    });
  await vi.waitFor(async () => expect(await status()).toBe(407), { timeout: 60_000 });
  return { proxyUrl, process };
}

/** Debian's dnsmasq. */
async function startNameServer(): Promise<{ readonly nameServer: string; readonly process: ChildProcess }> {
  const port = await freePort();
  const own = ['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--no-resolv', '--no-hosts'];
  const place = [`--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces'];
  const process = spawn('dnsmasq', [...own, ...place, '--address=/told.test/203.0.113.77'], {
    stdio: 'ignore',
  });
  await once(process, 'spawn');
  return { nameServer: `127.0.0.1#${port}`, process };
}

/** An authority, and a certificate of it for host.docker.internal; by OpenSSL, as an administrator would. */
async function makeCertificates(folder: string) {
  await mkdir(folder, { recursive: true });
  const at = (name: string) => join(folder, name);
  const openssl = (...words: string[]) => run('openssl', words, { cwd: folder });
  const fresh = ['-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  await openssl('req', '-x509', ...fresh, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=The host');
  const name = 'host.docker.internal';
  await openssl(
    ...['req', '-x509', ...fresh, '-keyout', 'key.pem', '-out', 'cert.pem', '-subj', `/CN=${name}`],
    ...[
      '-addext',
      `subjectAltName=DNS:${name},DNS:registry.test`,
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    ],
    ...['-CA', 'ca.pem', '-CAkey', 'ca.key'],
  );
  const read = (path: string) => readFile(at(path), 'utf8');
  return { authority: at('ca.pem'), key: await read('key.pem'), certificate: await read('cert.pem') };
}
