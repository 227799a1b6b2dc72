import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { silentLogger } from '@orlop/core';
import { temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { joinNetwork } from './join/join-network.ts';
import { type OpenNetwork, openNetwork } from './open-network.ts';

/** A network namespace of Linux as the guest: needs root, iproute2 and /dev/net/tun. */
const why = cannotRun();
const NAMESPACE = `orlop-vnet-${process.pid}`;
const NEIGHBOUR = `${NAMESPACE}-b`;
const run = promisify(execFile);

function cannotRun(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' });
    execFileSync('test', ['-c', '/dev/net/tun']);
    return undefined;
  } catch {
    return 'no iproute2 or no /dev/net/tun';
  }
}

const inGuest = (...command: string[]) => inNamespace(NAMESPACE, ...command);

async function inNamespace(namespace: string, ...command: string[]): Promise<string> {
  const { stdout } = await run('ip', ['netns', 'exec', namespace, ...command], { timeout: 20_000 });
  return stdout.trim();
}

/** Runs a program in Node inside the guest; it prints its result. */
const guestScript = (script: string) => inGuest(process.execPath, '-e', script);

const connectFromGuest = (host: string, port: number, send: string) =>
  guestScript(`
    const s = require('net').connect({ host: '${host}', port: ${port}, allowHalfOpen: true });
    let text = '';
    s.on('connect', () => s.end('${send}'));
    s.on('data', (d) => { text += d; });
    s.on('end', () => console.log(text));
    s.on('error', (e) => console.log(e.code));
  `);

describe.skipIf(why !== undefined)(
  `openNetwork with a namespace as guest${why === undefined ? '' : `: ${why}`}`,
  () => {
    let opened: OpenNetwork;
    let server: Server;
    let port = 0;
    let port6 = 0;
    let server6: Server;

    beforeAll(async () => {
      execFileSync('ip', ['netns', 'add', NAMESPACE]);
      opened = await openNetwork({
        config: { name: 'test', mtu: 1500, forwards: ['0:192.168.127.2:8080', '0:192.168.127.2:8081/udp'] },
        logger: silentLogger,
        platform: process.platform,
      });
      await opened.listen({ kind: 'tap', name: 'tap0', namespace: `/run/netns/${NAMESPACE}` });
      await inGuest('ip', 'link', 'set', 'lo', 'up');
      await inGuest('ip', 'link', 'set', 'tap0', 'mtu', '1500', 'up');
      await inGuest('ip', 'addr', 'add', '192.168.127.2/24', 'dev', 'tap0');
      await inGuest('ip', 'route', 'add', 'default', 'via', '192.168.127.1');
      // Says back all it got after the client's end: only a half-close that is passed on brings an answer.
      const answer = (): Server =>
        createServer({ allowHalfOpen: true }, (socket) => {
          const chunks: Buffer[] = [];
          socket.on('data', (chunk) => chunks.push(chunk));
          socket.on('end', () => socket.end(Buffer.concat(chunks)));
        });
      server = answer();
      server6 = answer();
      port = await listen(server, '127.0.0.1');
      port6 = await listen(server6, '::1');
    });

    afterAll(() => {
      opened?.close();
      server?.close();
      server6?.close();
      execFileSync('ip', ['netns', 'del', NAMESPACE]);
    });

    it('carries streams and datagrams between two guests whose kernels leave checksums to it', async () => {
      execFileSync('ip', ['netns', 'add', NEIGHBOUR]);
      try {
        await opened.listen({ kind: 'tap', name: 'tap0', namespace: `/run/netns/${NEIGHBOUR}` });
        await inNamespace(NEIGHBOUR, 'ip', 'link', 'set', 'tap0', 'mtu', '1500', 'up');
        await inNamespace(NEIGHBOUR, 'ip', 'addr', 'add', '192.168.127.3/24', 'dev', 'tap0');
        const served = inNamespace(
          ...([NEIGHBOUR, process.execPath, '-e'] as const),
          `
            const datagrams = require('dgram').createSocket('udp4');
            datagrams.on('message', (bytes, from) => {
              datagrams.send(bytes, from.port, from.address, () => process.exit());
            });
            datagrams.bind(7);
            require('net').createServer({ allowHalfOpen: true }, (socket) => {
              let count = 0;
              socket.on('data', (bytes) => { count += bytes.length; });
              socket.on('end', () => socket.end(String(count)));
            }).listen(7);
          `,
        );
        const answers = await guestScript(`
          const socket = require('net');
          const connect = () => {
            let text = '';
            const stream = socket.connect({ host: '192.168.127.3', port: 7, allowHalfOpen: true });
            stream.on('error', () => setTimeout(connect, 50)); // it does not listen yet
            stream.on('connect', () => stream.end(Buffer.alloc(4_000_000)));
            stream.on('data', (bytes) => { text += bytes; });
            stream.on('end', () => {
              const datagrams = require('dgram').createSocket('udp4');
              datagrams.on('message', (bytes) => { console.log(text, bytes.length); datagrams.close(); });
              datagrams.send(Buffer.alloc(1000), 7, '192.168.127.3');
            });
          };
          connect();
        `);
        expect(answers).toBe('4000000 1000');
        await served;
      } finally {
        execFileSync('ip', ['netns', 'del', NEIGHBOUR]);
      }
    });

    it('loses none of 4000 frames that the guest sends while nobody reads', async () => {
      const framesIn = () => [...opened.network.segment.ports()][0]?.link.counters.framesIn ?? 0;
      await inGuest('ping', '-c', '1', '192.168.127.1'); // knows the gateway's address from here on
      const before = framesIn();
      const burst = `
        const socket = require('dgram').createSocket('udp4');
        for (let i = 0; i < 4000; i++) socket.send('x', 9, '192.168.127.1', i === 3999 ? () => socket.close() : undefined);
      `;
      // This thread, which is the network's too, waits for the program.
      execFileSync('ip', ['netns', 'exec', NAMESPACE, process.execPath, '-e', burst], { timeout: 20_000 });
      expect(framesIn()).toBe(before);
      await expect.poll(() => framesIn() - before, { timeout: 10_000 }).toBeGreaterThanOrEqual(4000);
    });

    it('reaches a server on the loopback of the host, half-close included', async () => {
      expect(await connectFromGuest('192.168.127.254', port, 'half-closed')).toBe('half-closed');
    });

    it('shows the guest a refused connection', async () => {
      expect(await connectFromGuest('192.168.127.254', 1, 'x')).toBe('ECONNREFUSED');
    });

    it('carries sixteen megabytes both ways at once, unchanged', async () => {
      const digests = await guestScript(`
      const crypto = require('crypto');
      const data = crypto.randomBytes(16 << 20);
      const hash = (b) => crypto.createHash('sha256').update(b).digest('hex');
      const s = require('net').connect({ host: '192.168.127.254', port: ${port}, allowHalfOpen: true });
      const got = [];
      s.end(data);
      s.on('data', (d) => got.push(d));
      s.on('end', () => console.log(hash(data) === hash(Buffer.concat(got)), Buffer.concat(got).length));
    `);
      expect(digests).toBe(`true ${16 << 20}`);
    });

    it('finishes what its kernel leaves to the link, for a program behind another kind of link', async () => {
      const folder = await temporaryFolder('cut');
      const socketPath = join(folder.path, 'net.sock');
      await opened.listen({ kind: 'qemu', endpoint: { kind: 'unix', path: socketPath } });
      // This stack verifies every checksum.
      const program = await joinNetwork({ socketPath, addresses: ['192.168.127.40/24'], mtu: 1500 });
      try {
        await program.listen({ port: 7 }, async (stream) => {
          const hash = createHash('sha256');
          for await (const part of stream) hash.update(part);
          await stream.write(new TextEncoder().encode(hash.digest('hex')));
          stream.end();
        });
        await program.datagrams.bind({ port: 7 }, (bytes, from, own) => own.send(bytes.slice(), from));
        const outcome = await guestScript(`
          const data = require('crypto').randomBytes(8 << 20);
          const expected = require('crypto').createHash('sha256').update(data).digest('hex');
          const s = require('net').connect({ host: '192.168.127.40', port: 7, allowHalfOpen: true });
          let text = '';
          s.end(data);
          s.on('data', (d) => { text += d; });
          s.on('end', () => {
            const u = require('dgram').createSocket('udp4');
            u.on('message', (m) => { console.log(text === expected, m.length); u.close(); });
            u.send(Buffer.alloc(1000, 'u'), 7, '192.168.127.40');
          });
        `);
        expect(outcome).toBe('true 1000');
        const { tcp, udp } = program.stack;
        expect([tcp.counters.badChecksum, udp.counters.badChecksum]).toEqual([0, 0]);
      } finally {
        program.close();
        await folder.remove();
      }
    });

    it('gives the guest an IPv6 address by advertisement, and reaches ::1 of the host', async () => {
      const address = await guestScript(`
      // Until duplicate address detection is over (flag 0x40), Linux takes ::1 for the source.
      const look = () => {
        const lines = require('fs').readFileSync('/proc/net/if_inet6', 'utf8').split('\\n');
        const fields = lines.map((line) => line.split(/ +/)).find((one) => one[0].startsWith('fd') && one[5] === 'tap0');
        if (fields === undefined || parseInt(fields[4], 16) & 0x40) setTimeout(look, 100);
        else console.log(require('os').networkInterfaces().tap0.find((a) => a.address.startsWith('fd')).address);
      };
      look();
    `);
      const host = opened.network.settings.ipv6?.host;
      expect(address.startsWith(`${host}`.split('::')[0] ?? '')).toBe(true);
      expect(await connectFromGuest(`${host}`, port6, 'over six')).toBe('over six');
    });

    it('carries datagrams larger than the MTU and brings back port unreachable', async () => {
      const echo = createSocket('udp4', (message, from) => echo.send(message, from.port, from.address));
      const echoPort = await new Promise<number>((resolve) => {
        echo.bind(0, '127.0.0.1', () => resolve(echo.address().port));
      });
      const outcome = await guestScript(`
      const s = require('dgram').createSocket('udp4');
      s.on('message', (m) => { console.log(m.length); s.disconnect(); s.connect(9, '192.168.127.254', () => s.send('x')); });
      s.on('error', (e) => { console.log(e.code); s.close(); });
      s.connect(${echoPort}, '192.168.127.254', () => s.send(Buffer.alloc(8000)));
    `);
      echo.close();
      expect(outcome.split('\n')).toEqual(['8000', 'ECONNREFUSED']);
    });

    it('answers names of the host and the gateway by DNS', async () => {
      const names = await guestScript(`
      const dns = new (require('dns').promises.Resolver)();
      dns.setServers(['192.168.127.1']);
      Promise.all(['host.docker.internal', 'gateway.docker.internal'].map((n) => dns.resolve4(n)))
        .then((r) => console.log(r.flat().join(' ')));
    `);
      expect(names).toBe('192.168.127.254 192.168.127.1');
    });

    it('leads ports of the host to the guest', async () => {
      const [tcp, udp] = opened.network.forwards.list();
      if (tcp?.local?.kind !== 'ip' || udp?.local?.kind !== 'ip') throw new Error('no forwards');
      const { port: tcpPort } = tcp.local;
      const { port: udpPort } = udp.local;
      const guest = guestScript(`
      const server = require('net').createServer((s) => { s.end('from the guest'); server.close(); }).listen(8080);
      const u = require('dgram').createSocket('udp4', (m, from) => u.send(m + '!', from.port, from.address, () => u.close()));
      u.bind(8081);
    `);
      const read = () => run(process.execPath, ['-e', clientScript(tcpPort, udpPort)], { timeout: 15_000 });
      const { stdout } = await read();
      await guest;
      expect(stdout.trim().split('\n').sort()).toEqual(['from the guest', 'ping!']);
    });

    it('passes an echo request on to the loopback of the host', async () => {
      const said = await inGuest('ping', '-n', '-c', '1', '-W', '5', '192.168.127.254');
      expect(said).toContain('1 received');
    });

    it('ends a connection with a reset when its other side does', async () => {
      const resetting = createServer((socket) => {
        socket.once('data', () => socket.resetAndDestroy());
      });
      const resetPort = await listen(resetting, '127.0.0.1');
      const outcome = await guestScript(`
      const s = require('net').connect(${resetPort}, '192.168.127.254');
      s.on('error', (e) => console.log(e.code));
      s.on('close', () => process.exit());
      s.on('connect', () => setInterval(() => s.write('x'), 10));
    `);
      resetting.close();
      expect(outcome).toBe('ECONNRESET');
    });
  },
);

/** Tries until the guest's servers are there. */
function clientScript(tcpPort: number, udpPort: number): string {
  return `
    const tcp = () => {
      const s = require('net').connect(${tcpPort}, '127.0.0.1');
      let text = '';
      s.on('data', (d) => { text += d; });
      s.on('error', () => {});
      s.on('close', () => (text ? console.log(text) : setTimeout(tcp, 50)));
    };
    tcp();
    const u = require('dgram').createSocket('udp4');
    const timer = setInterval(() => u.send('ping', ${udpPort}, '127.0.0.1'), 100);
    u.on('message', (m) => { console.log(String(m)); clearInterval(timer); u.close(); });
  `;
}

function listen(server: Server, host: string): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
