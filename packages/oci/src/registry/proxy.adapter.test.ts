import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeCertificate, type TestCertificate } from './fixture/docker-registry.ts';
import { readAll } from './read-all.ts';
import { HttpTransport } from './transport.ts';

describe('HttpTransport behind a proxy', () => {
  let folder: TemporaryFolder;
  let certificate: TestCertificate;
  const closers: (() => void)[] = [];

  beforeEach(async () => {
    folder = await temporaryFolder('proxy');
    certificate = makeCertificate(folder.path);
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) close();
    await folder.remove();
  });

  async function listen(server: Server): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => sockets.add(socket));
    closers.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** Tunnels what CONNECT asks for, and answers plain requests itself, saying what they were. */
  async function startProxy(seen: string[]): Promise<URL> {
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`);
      response.end('from the proxy');
    });
    server.on('connect', (request, socket: Socket) => {
      seen.push(`CONNECT ${request.url} ${request.headers['proxy-authorization']}`);
      if (request.url?.startsWith('forbidden')) {
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
        return;
      }
      const onward = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      closers.push(() => onward.destroy());
    });
    return new URL(`http://user:se%3Acret@127.0.0.1:${await listen(server)}`);
  }

  const authorization = `Basic ${btoa('user:se:cret')}`;

  it('tunnels HTTPS, and checks the certificate behind the tunnel', async () => {
    const seen: string[] = [];
    const proxy = await startProxy(seen);
    const tls = { cert: readFileSync(certificate.certFile), key: readFileSync(certificate.keyFile) };
    const port = await listen(
      createHttpsServer(tls, (request, response) => response.end(`got ${request.url}`)),
    );
    const url = new URL(`https://localhost:${port}/v2/`);
    const transport = new HttpTransport({
      proxy: () => proxy,
      certificates: [readFileSync(certificate.caFile, 'utf8')],
    });
    const answer = await transport.send({ method: 'GET', url });
    expect(Buffer.from(await readAll(answer, 100)).toString()).toBe('got /v2/');
    expect(seen).toEqual([`CONNECT localhost:${port} ${authorization}`]);
    await expect(
      new HttpTransport({ proxy: () => proxy }).send({ method: 'GET', url }),
    ).rejects.toMatchObject({
      code: 'oci.registry-untrusted',
    });
    transport.close();
  });

  it('sends HTTP with the whole address', async () => {
    const seen: string[] = [];
    const proxy = await startProxy(seen);
    const transport = new HttpTransport({ proxy: () => proxy });
    const answer = await transport.send({ method: 'GET', url: new URL('http://registry.invalid/v2/x?y') });
    expect(Buffer.from(await readAll(answer, 100)).toString()).toBe('from the proxy');
    expect(seen).toEqual([`GET http://registry.invalid/v2/x?y ${authorization}`]);
    transport.close();
  });

  it('gives up on a proxy that says nothing', async () => {
    const port = await listen(createTcpServer());
    const proxy = () => new URL(`http://127.0.0.1:${port}`);
    const sent = new HttpTransport({ proxy, idleTimeoutMs: 50 }).send({
      method: 'GET',
      url: new URL('https://localhost/'),
    });
    await expect(sent).rejects.toMatchObject({ code: 'oci.registry-unreachable' });
  });

  it('says when the proxy refuses, or is not there', async () => {
    const proxy = await startProxy([]);
    const url = new URL('https://forbidden.invalid/v2/');
    await expect(new HttpTransport({ proxy: () => proxy }).send({ method: 'GET', url })).rejects.toThrow(
      'does not let you reach forbidden.invalid:443 (status 403)',
    );
    const nobody = new URL('http://127.0.0.1:1');
    await expect(new HttpTransport({ proxy: () => nobody }).send({ method: 'GET', url })).rejects.toThrow(
      '127.0.0.1:1 cannot be reached (ECONNREFUSED)',
    );
  });
});
