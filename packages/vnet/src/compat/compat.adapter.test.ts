import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { silentLogger } from '@orlop/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiServer } from '../control/api-server.ts';
import { ask, type LiveNetwork, liveNetwork } from '../testing/live-network.ts';
import { gvproxyServer, vpnkitServer } from './compat-servers.ts';

describe('the APIs of others', () => {
  let net: LiveNetwork;
  let server: ApiServer;

  beforeEach(async () => {
    net = await liveNetwork();
  });

  afterEach(async () => {
    server.close();
    await net.close();
  });

  describe('gvproxyServer', () => {
    let path: string;
    const post = (where: string, body: unknown) => ask(path, { method: 'POST', path: where, body });

    beforeEach(async () => {
      path = join(net.folder, 'services.sock');
      server = gvproxyServer({ network: net.opened.network, logger: silentLogger });
      await server.listen(path);
    });

    it('exposes, lists and ends a port in gvproxy’s words', async () => {
      const remote = '192.168.127.2:6443';
      const anyPort = { local: '127.0.0.1:0', remote };
      expect(await post('/services/forwarder/expose', anyPort)).toMatchObject({ status: 200, text: '' });
      const list = async () => JSON.parse((await ask(path, { path: '/services/forwarder/all' })).text);
      const [{ local }] = await list();
      expect(local).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
      expect(await list()).toEqual([{ local, remote, protocol: 'tcp' }]);
      const again = await post('/services/forwarder/expose', { local, remote });
      expect(again).toMatchObject({ status: 500, text: `proxy already running for tcp on ${local}\n` });
      expect((await post('/services/forwarder/unexpose', { local })).status).toBe(200);
      const gone = await post('/services/forwarder/unexpose', { local });
      expect(gone).toMatchObject({ status: 500, text: 'proxy not found\n' });
    });

    it('carries bytes through an exposed unix socket', async () => {
      const guest = await net.guest(2);
      await guest.listen({ port: 80 }, async (stream) => {
        await stream.write(new TextEncoder().encode('from the guest'));
        stream.end();
      });
      const local = join(net.folder, 'web.sock');
      const body = { local, remote: 'tcp://192.168.127.2:80', protocol: 'unix' };
      expect((await post('/services/forwarder/expose', body)).status).toBe(200);
      expect(await readAll(connect({ path: local }))).toBe('from the guest');
    });

    it('adds zones, and lists them as gvproxy does', async () => {
      const zone = {
        Name: 'crc.testing.',
        Records: [{ Name: 'host', IP: '192.168.127.254' }],
        DefaultIP: '192.168.127.2',
      };
      expect((await post('/services/dns/add', zone)).status).toBe(200);
      const more = { Name: 'crc.testing.', Records: [{ Regexp: '^api-.*', IP: '192.168.127.3' }] };
      expect((await post('/services/dns/add', more)).status).toBe(200);
      expect(JSON.parse((await ask(path, { path: '/services/dns/all' })).text).slice(2)).toEqual([
        {
          Name: 'crc.testing.',
          Records: [
            { Name: 'host', IP: '192.168.127.254', Regexp: null },
            { Name: '', IP: '192.168.127.3', Regexp: '^api-.*' },
          ],
          // As gvproxy: what the last addition says, even when it says nothing.
          DefaultIP: '',
        },
      ]);
    });

    it.each(['//', '//[', '/\\'])('answers that there is no %s', async (target) => {
      const socket = connect({ path });
      socket.end(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 404 [\s\S]*404 page not found\n/);
    });

    it.each(['', 'GET /servi'])('lets go of a client that ends after %j', async (text) => {
      const socket = connect({ path });
      socket.end(text);
      expect(await readAll(socket)).toBe('');
    });

    it.each(['POST', 'CONNECT'])('opens a tunnel to a port of a guest by %s', async (method) => {
      const guest = await net.guest(2);
      await guest.listen({ port: 22 }, async (stream) => {
        for await (const bytes of stream) await stream.write(Uint8Array.from(bytes).reverse());
        stream.end();
      });
      const socket = connect({ path });
      socket.end(`${method} /tunnel?ip=192.168.127.2&port=22 HTTP/1.1\r\nHost: x\r\n\r\nabc`);
      expect(await readAll(socket)).toBe('OKcba');
    });

    it('tells the guest of a tunnel when its client is gone, also one that had ended its own direction', async () => {
      const guest = await net.guest(2);
      let onBroken: (error: unknown) => void = () => {};
      const broken = new Promise<unknown>((resolve) => {
        onBroken = resolve;
      });
      await guest.listen({ port: 22 }, async (stream) => {
        try {
          // More than all buffers hold.
          for (let at = 0; at < 1000; at++) await stream.write(new Uint8Array(65_536));
        } catch (error) {
          onBroken(error);
        }
      });
      const socket = connect({ path });
      socket.end('POST /tunnel?ip=192.168.127.2&port=22 HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(socket, 'data');
      socket.destroy();
      expect(await broken).toMatchObject({ code: 'netstack.reset' });
    });

    it('opens no tunnel out of the network', async () => {
      const socket = connect({ path });
      socket.write('POST /tunnel?ip=127.0.0.1&port=22 HTTP/1.1\r\n\r\n');
      expect(await readAll(socket)).toMatch(/^HTTP\/1.1 500 /);
    });

    it('plugs a guest in that comes by /connect', async () => {
      const socket = connect({ path });
      socket.write('POST /connect HTTP/1.1\r\nHost: x\r\n\r\n');
      // An ARP question for the gateway, from 192.168.127.7.
      const frame = Buffer.from(
        'ffffffffffff525400000007080600010800060400015254000000 07c0a87f07000000000000c0a87f01'.replace(
          ' ',
          '',
        ),
        'hex',
      );
      socket.write(Buffer.concat([Buffer.from([frame.length, 0]), frame]));
      const answer = await new Promise<Buffer>((resolve) => {
        let all = Buffer.alloc(0);
        socket.on('data', (chunk) => {
          all = Buffer.concat([all, chunk]);
          const at = all.indexOf(Buffer.from('0806000108000604 0002'.replace(' ', ''), 'hex'));
          if (at >= 0) resolve(all.subarray(at + 16));
        });
      });
      expect(answer.subarray(0, 4).toString('hex')).toBe('c0a87f01');
      expect(JSON.parse((await ask(path, { path: '/cam' })).text)).toHaveProperty('52:54:00:00:00:07');
      socket.destroy();
    });

    it.each(['leaves', 'is unplugged'])('lets go of the connection of a guest that %s', async (how) => {
      const socket = connect({ path });
      const { segment } = net.opened.network;
      const ports = () => [...segment.ports()];
      const before = ports().length;
      socket.write('POST /connect HTTP/1.1\r\nHost: x\r\n\r\n');
      await expect.poll(ports).toHaveLength(before + 1);
      const ended = new Promise((resolve) => socket.resume().once('close', resolve));
      const port = ports().at(-1);
      if (how === 'leaves') socket.end();
      else if (port !== undefined) segment.detach(port);
      await ended;
      await expect.poll(ports).toHaveLength(before);
    });

    it.each(['/connect', 'QEMU’s socket'])(
      'turns guests of %s away that its switch has no port for',
      async (way) => {
        const isHttp = way === '/connect';
        const place = isHttp ? path : join(net.folder, 'qemu.sock');
        const guests = Array.from({ length: 70 }, () => connect({ path: place }));
        let turnedAway = 0;
        for (const guest of guests) {
          guest.on('error', () => {}).resume();
          guest.once('close', () => turnedAway++);
          if (isHttp) guest.write('POST /connect HTTP/1.1\r\nHost: x\r\n\r\n');
        }
        const { segment } = net.opened.network;
        await expect.poll(() => turnedAway).toBe(70 - 64);
        expect([...segment.ports()]).toHaveLength(64);
        for (const guest of guests) guest.destroy();
        await expect.poll(() => [...segment.ports()]).toHaveLength(0);
      },
    );

    it('tells what it does not know', async () => {
      expect((await ask(path, { path: '/services/nothing' })).status).toBe(404);
      expect((await post('/services/forwarder/expose', { local: 7 })).status).toBe(400);
      expect(
        (await post('/services/forwarder/expose', { local: ':1', remote: ':1', protocol: 'npipe' })).status,
      ).toBe(500);
    });
  });

  describe('vpnkitServer', () => {
    it('exposes, lists and ends a port in VPNKit’s words', async () => {
      const path = join(net.folder, 'vpnkit.sock');
      server = vpnkitServer({ network: net.opened.network, logger: silentLogger });
      await server.listen(path);
      const guest = await net.guest(2);
      await guest.listen({ port: 80 }, async (stream) => {
        await stream.write(new TextEncoder().encode('hello'));
        stream.end();
      });
      const out_path = join(net.folder, 'out.sock');
      const port = { proto: 'unix', out_path, in_ip: '192.168.127.2', in_port: 80, annotation: 'web' };
      expect((await ask(path, { method: 'PUT', path: '/forwards/expose/port', body: port })).status).toBe(
        200,
      );
      expect(await readAll(connect({ path: out_path }))).toBe('hello');
      expect(JSON.parse((await ask(path, { path: '/forwards/list' })).text)).toEqual([port]);
      const end = { method: 'DELETE', path: '/forwards/unexpose/port', body: { proto: 'unix', out_path } };
      expect((await ask(path, end)).status).toBe(200);
      expect(JSON.parse((await ask(path, { path: '/forwards/list' })).text)).toEqual([]);
      // Its clients end what has ended already, and show the message of status 400.
      expect((await ask(path, end)).status).toBe(200);
      await ask(path, { method: 'PUT', path: '/forwards/expose/port', body: port });
      net.opened.network.forwards.remove(`tcp:unix:${out_path}`);
      const { annotation, ...plain } = port;
      await ask(path, { method: 'PUT', path: '/forwards/expose/port', body: plain });
      const relisted = JSON.parse((await ask(path, { path: '/forwards/list' })).text);
      expect(relisted, `"${annotation}" was of a forward that has ended`).toEqual([plain]);
      const taken = { ...port, out_path: path };
      const refused = await ask(path, { method: 'PUT', path: '/forwards/expose/pipe', body: taken });
      expect(refused.status).toBe(400);
      expect(JSON.parse(refused.text)).toEqual({
        message: `cannot listen on unix:${path}: address-in-use`,
      });
    });
  });
});

function readAll(socket: ReturnType<typeof connect>): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}
