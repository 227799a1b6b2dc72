import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a user's host has that an engine is to reach, or to go through. */
export interface HostServices {
  /** Listens on every address of the host. */
  readonly everywhere: Server;
  readonly proxy: Server;
  /** With a certificate of an authority that only this host trusts. */
  readonly secure: Server;
  readonly authority: string;
  /** What proxy and secure server were asked for. */
  readonly asked: string[];
  writeDockerfile(folder: string, text: string): Promise<void>;
  close(): void;
}

export async function startHostServices(folder: string): Promise<HostServices> {
  const asked: string[] = [];
  const everywhere = createServer((_, response) => response.end('the host'));
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end('the proxy');
  });
  proxy.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  const { authority, key, certificate } = await makeCertificates(folder);
  const secure = createSecureServer({ key, cert: certificate }, (request, response) => {
    asked.push(`${request.method} ${request.url} over TLS`);
    response.writeHead(request.url === '/v2/' ? 200 : 404, { 'content-type': 'application/json' });
    response.end(
      request.url === '/v2/' ? '{}' : '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}',
    );
  });
  const listen = (server: Server, address: string) =>
    new Promise<void>((settled) => server.listen(0, address, settled));
  await Promise.all([listen(everywhere, '0.0.0.0'), listen(proxy, '127.0.0.1'), listen(secure, '127.0.0.1')]);
  return {
    ...{ everywhere, proxy, secure, authority, asked },
    writeDockerfile: async (into, text) => {
      await mkdir(into, { recursive: true });
      await writeFile(join(into, 'Dockerfile'), text);
    },
    close: () => {
      for (const server of [everywhere, proxy, secure]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
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
    ...['-addext', `subjectAltName=DNS:${name}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-CA', 'ca.pem', '-CAkey', 'ca.key'],
  );
  const read = (path: string) => readFile(at(path), 'utf8');
  return { authority: at('ca.pem'), key: await read('key.pem'), certificate: await read('cert.pem') };
}
