import { request } from 'node:http';
import { connect } from 'node:net';

/** What was said to a program with gvproxy's API, and what it answered. */
export interface Exchange {
  readonly asked: string;
  readonly status: number;
  readonly text: string;
}

export interface Listener {
  readonly socketPath: string;
  /** Of the socket that one request exposes. */
  readonly folder: string;
  /** The first of ten free ports of the host; the last of them is taken by somebody else. */
  readonly firstPort: number;
}

type Request = readonly [method: string, path: string, body?: unknown];

/** Everything that gvproxy's API is asked for, in order, by clients that are right and wrong. */
function requests({ folder, firstPort }: Listener): readonly Request[] {
  const expose = '/services/forwarder/expose';
  const unexpose = '/services/forwarder/unexpose';
  const all: Request = ['GET', '/services/forwarder/all'];
  const at = (n: number) => `127.0.0.1:${firstPort + n}`;
  const guest = (port: number) => `192.168.127.2:${port}`;
  const unix = `${folder}/exposed.sock`;
  const zone = (Name: string, Records: readonly object[]) => ({ Name, Records });
  return [
    all,
    ['POST', expose, { local: `:${firstPort}`, remote: guest(80) }],
    ['POST', expose, { local: `:${firstPort}`, remote: guest(80) }],
    ['POST', expose, { local: at(1), remote: guest(81), protocol: 'tcp' }],
    ['POST', expose, { local: at(2), remote: guest(82), protocol: 'udp' }],
    ['POST', expose, { local: unix, remote: `tcp://${guest(83)}`, protocol: 'unix' }],
    ['POST', expose, { local: at(3), remote: 'nonsense' }],
    ['POST', expose, { local: 'nonsense', remote: guest(80) }],
    ['POST', expose, { local: at(3), remote: guest(80), protocol: 'sctp' }],
    ['POST', expose, '{bad'],
    ['POST', expose, { local: at(9), remote: guest(80) }],
    ['GET', expose],
    all,
    ['POST', unexpose, { local: `:${firstPort}` }],
    ['POST', unexpose, { local: `:${firstPort}` }],
    ['POST', unexpose, { local: at(1), protocol: 'udp' }],
    ['POST', unexpose, { local: at(2), protocol: 'udp' }],
    ['POST', unexpose, { local: unix, protocol: 'unix' }],
    all,
    ['GET', '/services/dns/all'],
    [
      'POST',
      '/services/dns/add',
      { ...zone('own.test.', [{ Name: 'www', IP: '10.1.2.3' }]), DefaultIP: '10.9.9.9' },
    ],
    ['POST', '/services/dns/add', zone('own.test.', [{ Name: 'two', IP: '10.1.2.4' }])],
    ['POST', '/services/dns/add', zone('re.test.', [{ Regexp: 'node-.*', IP: '10.1.2.5' }])],
    ['POST', '/services/dns/add', '{bad'],
    ['GET', '/services/dns/add'],
    ['GET', '/services/dns/all'],
    ['GET', '/leases'],
    ['GET', '/services/dhcp/leases'],
    ['GET', '/cam'],
    ['GET', '/stats'],
    ['GET', '/nothing'],
    ['GET', '/'],
    ['POST', '/tunnel'],
    ['POST', '/tunnel?ip=192.168.127.2'],
    ['POST', '/tunnel?ip=192.168.127.2&port=abc'],
  ];
}

/** Holds the whole conversation; what differs from run to run (ports, folder) is told by its place. */
export async function converse(listener: Listener): Promise<readonly Exchange[]> {
  const { folder, firstPort, socketPath } = listener;
  const plain = (text: string) =>
    text.replaceAll(folder, 'FOLDER').replace(/\b\d{5}\b/g, (port) => {
      const n = Number(port) - firstPort;
      return n >= 0 && n < 11 ? `PORT${n}` : port;
    });
  const exchanges: Exchange[] = [];
  for (const [method, path, body] of requests(listener)) {
    const payload = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const { status, text } = await ask(socketPath, { method, path, payload });
    exchanges.push({ asked: plain(`${method} ${path} ${payload}`.trim()), status, text: plain(text) });
  }
  for (const port of [22, 23]) {
    const asked = `POST /tunnel?ip=192.168.127.2&port=${port}`;
    exchanges.push({ asked, status: 0, text: await tunnel(socketPath, asked) });
  }
  return exchanges;
}

function ask(
  socketPath: string,
  { method, path, payload }: { readonly method: string; readonly path: string; readonly payload: string },
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': Buffer.byteLength(payload) };
    const outgoing = request({ socketPath, method, path, headers, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += String(chunk);
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

/** What comes through a tunnel until its end. */
function tunnel(socketPath: string, asked: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ path: socketPath });
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(text));
    socket.write(`${asked} HTTP/1.1\r\nHost: gvproxy\r\n\r\n`);
  });
}
