import { createServer as createHttpServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer, type Server as StreamServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { JoinedNetwork } from '../join/join-network.ts';
import { type LiveNetwork, liveNetwork } from '../testing/live-network.ts';
import type { ProxyConfig } from './proxy-settings.ts';

const GATEWAY = '192.168.127.1';
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('the explicit proxy', () => {
  it('forwards plain HTTP to the host’s server by its name', async () => {
    const { guest } = await start();
    const web = await webServer();
    const answer = await say(
      guest,
      3128,
      `GET http://host.docker.internal:${web.port}/a?b=1 HTTP/1.1\r\nHost: x\r\nProxy-Connection: keep-alive\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
    expect(answer).toContain('origin saw GET /a?b=1');
    expect(answer).toContain('"connection":"close"');
    expect(answer).not.toContain('proxy-connection');
    expect(answer).toContain(`"host":"host.docker.internal:${web.port}"`);
  });

  it('connects by CONNECT, and carries bytes both ways', async () => {
    const { guest } = await start();
    const port = await echoServer();
    const answer = await say(guest, 3128, `CONNECT host.docker.internal:${port} HTTP/1.1\r\n\r\nping`, true);
    expect(answer).toBe('HTTP/1.1 200 Connection established\r\n\r\nping');
  });

  it.each([
    ['127.0.0.1', '403 Forbidden'],
    ['localhost', '403 Forbidden'],
    ['[::1]', '403 Forbidden'],
    ['192.168.127.1', '403 Forbidden'],
  ])('does not reach %s, which is the host’s own', async (host, status) => {
    const { guest } = await start();
    const port = await echoServer();
    expect(await say(guest, 3128, `CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`)).toMatch(`HTTP/1.1 ${status}`);
  });

  it('keeps to the policy, by name too', async () => {
    const { guest } = await start({}, { policy: { rules: [{ action: 'deny', name: '*.example.com' }] } });
    expect(await say(guest, 3128, 'CONNECT www.example.com:443 HTTP/1.1\r\n\r\n')).toMatch('HTTP/1.1 403');
  });

  it('turns down what is no request to a proxy', async () => {
    const { guest } = await start();
    expect(await say(guest, 3128, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch('HTTP/1.1 400');
    expect(await say(guest, 3128, 'nonsense\r\n\r\n')).toMatch('HTTP/1.1 400');
  });

  it('goes through an HTTP proxy with credentials, in absolute form and by CONNECT', async () => {
    const upstream = await httpProxy();
    const { guest } = await start({ http: `http://user:p%40ss@127.0.0.1:${upstream.port}` });
    expect(
      await say(guest, 3128, 'GET http://far.example/x HTTP/1.1\r\nHost: far.example\r\n\r\n'),
    ).toContain('proxied GET http://far.example/x');
    expect(await say(guest, 3128, 'CONNECT far.example:443 HTTP/1.1\r\n\r\nping', true)).toContain(
      '\r\n\r\nping',
    );
    const credentials = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
    expect(upstream.seen).toEqual([
      `GET http://far.example/x ${credentials}`,
      `CONNECT far.example:443 ${credentials}`,
    ]);
  });

  it('reaches host and guests itself, whom no proxy outside knows', async () => {
    const upstream = await httpProxy();
    const { net, guest } = await start({ http: `http://127.0.0.1:${upstream.port}` });
    const web = await webServer();
    const other = await net.guest(9);
    await other.listen({ port: 80 }, async (stream) => {
      await stream.write(Buffer.from('HTTP/1.1 200 OK\r\n\r\nthe other guest'));
      stream.end();
    });
    const get = (url: string) => say(guest, 3128, `GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(await get(`http://host.docker.internal:${web.port}/a`)).toContain('origin saw GET /a');
    expect(await get('http://192.168.127.9/')).toContain('the other guest');
    expect(upstream.seen).toEqual([]);
  });

  it('goes through SOCKS5 with credentials, names left to the proxy', async () => {
    const upstream = await socksProxy('user', 'secret');
    const { guest } = await start({ https: `socks5://user:secret@127.0.0.1:${upstream.port}` });
    expect(await say(guest, 3128, 'CONNECT far.example:443 HTTP/1.1\r\n\r\nping', true)).toContain(
      '\r\n\r\nping',
    );
    expect(upstream.seen).toEqual(['far.example:443']);
  });

  it('tells that the upstream proxy refuses', async () => {
    const { guest } = await start({ https: 'http://127.0.0.1:1' });
    expect(await say(guest, 3128, 'CONNECT far.example:443 HTTP/1.1\r\n\r\n')).toMatch('HTTP/1.1 502');
  });
});

describe('TransparentProxy', () => {
  it('sends port 80 through the proxy by the Host header', async () => {
    const upstream = await httpProxy();
    const { guest } = await start({ http: `http://127.0.0.1:${upstream.port}`, transparent: true });
    const answer = await say(
      guest,
      80,
      'GET /page HTTP/1.1\r\nHost: far.example\r\n\r\n',
      false,
      '203.0.113.9',
    );
    expect(answer).toContain('proxied GET http://far.example/page');
  });

  it('sends port 443 through the proxy by the name in the ClientHello', async () => {
    const upstream = await httpProxy();
    const { guest } = await start({ https: `http://127.0.0.1:${upstream.port}`, transparent: true });
    const hello = await clientHello('secure.example');
    const stream = await guest.connect({ address: '203.0.113.9', port: 443 });
    await stream.write(hello);
    stream.end();
    const echoed: Uint8Array[] = [];
    for await (const bytes of stream) echoed.push(Uint8Array.from(bytes));
    expect(Buffer.concat(echoed).equals(hello)).toBe(true);
    expect(upstream.seen).toEqual(['CONNECT secure.example:443 undefined']);
  });

  it('leaves alone what is on the network itself', async () => {
    const upstream = await httpProxy();
    const { net, guest } = await start({ http: `http://127.0.0.1:${upstream.port}`, transparent: true });
    const { host } = net.opened.network.settings;
    await expect(guest.connect({ address: `${host}`, port: 443 })).rejects.toMatchObject({
      code: 'netstack.refused',
    });
    expect(upstream.seen).toEqual([]);
  });

  it('leaves alone what is excluded', async () => {
    const upstream = await httpProxy();
    const { guest } = await start({
      http: `http://127.0.0.1:${upstream.port}`,
      transparent: true,
      exclude: ['127.0.0.0/8', '192.168.127.254'],
    });
    await expect(guest.connect({ address: '192.168.127.254', port: 80 })).rejects.toMatchObject({
      code: 'netstack.refused',
    });
    expect(upstream.seen).toEqual([]);
  });
});

async function start(
  proxy: ProxyConfig = {},
  config: Parameters<typeof liveNetwork>[0] = {},
): Promise<{ readonly net: LiveNetwork; readonly guest: JoinedNetwork }> {
  // No server of names: only the network's own are known, and what a proxy resolves.
  const net = await liveNetwork({
    ...config,
    proxy,
    zones: [{ name: 'example', fallThrough: false }, { name: 'example.com' }],
  });
  closers.push(() => net.close());
  return { net, guest: await net.guest(2) };
}

async function say(
  guest: JoinedNetwork,
  port: number,
  text: string,
  end = false,
  address = GATEWAY,
): Promise<string> {
  const stream = await guest.connect({ address, port });
  await stream.write(Buffer.from(text));
  if (end) stream.end();
  let answer = '';
  for await (const bytes of stream) answer += Buffer.from(bytes).toString('latin1');
  stream.end();
  return answer;
}

function portOf(server: Server | StreamServer): Promise<number> {
  closers.push(() => server.close());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function webServer() {
  const server = createHttpServer((request, response) => {
    response.end(`origin saw ${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
  });
  return { port: await portOf(server) };
}

function echoServer(): Promise<number> {
  return portOf(createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)));
}

/** An HTTP proxy that answers itself, and echoes in its tunnels. */
async function httpProxy() {
  const seen: string[] = [];
  const server = createHttpServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`);
    response.end(`proxied ${request.method} ${request.url}`);
  });
  server.on('connect', (request, socket, head: Buffer) => {
    seen.push(`CONNECT ${request.url} ${request.headers['proxy-authorization']}`);
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.write(head);
    socket.pipe(socket);
  });
  return { seen, port: await portOf(server) };
}

/** SOCKS5 with a login, whose tunnels echo. */
async function socksProxy(user: string, password: string) {
  const seen: string[] = [];
  const login = Buffer.from([
    1,
    user.length,
    ...Buffer.from(user),
    password.length,
    ...Buffer.from(password),
  ]);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const steps: ((bytes: Buffer) => void)[] = [
      (bytes) =>
        socket.write(bytes.equals(Buffer.from([5, 1, 2])) ? Buffer.from([5, 2]) : Buffer.from([5, 255])),
      (bytes) => socket.write(Buffer.from([1, bytes.equals(login) ? 0 : 1])),
      (bytes) => {
        const length = bytes[4] ?? 0;
        seen.push(`${bytes.toString('latin1', 5, 5 + length)}:${bytes.readUInt16BE(5 + length)}`);
        socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
      },
    ];
    socket.on('data', (bytes) => {
      const step = steps.shift();
      if (step === undefined) socket.write(bytes);
      else step(bytes);
    });
    socket.on('end', () => socket.end());
  });
  return { seen, port: await portOf(server) };
}

/** What Node's own TLS says first. */
async function clientHello(name: string): Promise<Buffer> {
  const { connect: connectTls } = await import('node:tls');
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.once('data', (bytes) => {
        resolve(bytes);
        socket.destroy();
        server.close();
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      connectTls({ socket, servername: name }).on('error', () => {});
    });
  });
}
