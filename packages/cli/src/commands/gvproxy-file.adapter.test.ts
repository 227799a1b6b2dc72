import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { joinNetwork } from '@orlop/vnet';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { orlopProgram } from '../program.ts';
import { contextIn } from '../testing/command-under-test.ts';
import { gvproxyArguments } from './gvproxy-arguments.ts';
import { planGvproxy } from './gvproxy-plan.ts';

describe('orlop gvproxy with the options of gvproxy’s later versions', () => {
  let folder: TemporaryFolder;
  let interrupt: AbortController;
  const path = (name: string) => join(folder.path, name);
  const start = (words: readonly string[]) =>
    orlopProgram(contextIn(folder.path, interrupt.signal)).parseAsync(
      ['gvproxy', ...gvproxyArguments(words)],
      {
        from: 'user',
      },
    );

  beforeEach(async () => {
    folder = await temporaryFolder('gvproxy-file');
    interrupt = new AbortController();
  });

  afterEach(async () => {
    interrupt.abort();
    await folder.remove();
  });

  it('takes a link that is named by nothing for none', async () => {
    const listenVpnkit = `unix://${path('vpnkit.sock')}`;
    const options = { sshPort: '-1', listenQemu: '', listenBess: '', listenVpnkit };
    const { places } = await planGvproxy(contextIn(folder.path), options);
    expect(places).toEqual([`vpnkit:${path('vpnkit.sock')}`]);
  });

  /** Each notification, which is a connection of its own. */
  async function listenForNotifications(): Promise<{ readonly server: Server; readonly told: unknown[] }> {
    const told: unknown[] = [];
    const server = createServer((socket) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += String(chunk);
      });
      socket.on('end', () => told.push(JSON.parse(text)));
    }).listen(path('notes.sock'));
    await once(server, 'listening');
    return { server, told };
  }

  const get = (socketPath: string, where: string) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      request({ socketPath, path: where, agent: false }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += String(chunk);
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      })
        .on('error', reject)
        .end();
    });

  it('is the network of -config, with the command line first, and none of gvproxy’s own forwards and leases', async () => {
    const port = 20_000 + (process.pid % 10_000);
    await writeFile(
      path('config.yaml'),
      `log-level: info
services: unix://${path('services.sock')}
pid-file: ${path('overridden.pid')}
interfaces:
  qemu: unix://${path('qemu.sock')}
stack:
  mtu: 4000
  subnet: 10.44.0.0/24
  gatewayIP: 10.44.0.1
  gatewayMacAddress: 5a:94:ef:e4:0c:00
  gatewayIPv6: fd44::1
  dns:
    - name: own.test.
      records: [{name: www, ip: 10.1.2.3}, {regexp: "node-.*", ip: 10.1.2.5}]
      defaultIP: 10.9.9.9
  dnsSearchDomains: [own.test]
  forwards:
    127.0.0.1:${port}: 10.44.0.7:22
    udp:127.0.0.1:${port}: 10.44.0.7:53
  nat: {10.44.0.254: 127.0.0.1}
  gatewayVirtualIPs: [10.44.0.254]
  dhcpStaticLeases: {10.44.0.7: 5a:94:ef:e4:0c:07}
`,
    );
    const { server, told } = await listenForNotifications();
    const ended = start([
      ...['-config', path('config.yaml'), '-notification', `unix://${path('notes.sock')}`],
      ...['-listen', `unix://${path('api.sock')}`, '-pid-file', path('own.pid'), '-pcap', path('all.pcapng')],
    ]);
    await vi.waitUntil(() => told.length > 0, 20_000);
    expect(told).toEqual([{ notification_type: 'ready' }]);
    expect([existsSync(path('own.pid')), existsSync(path('overridden.pid'))]).toEqual([true, false]);
    const guest = await joinNetwork({
      ...{ socketPath: path('qemu.sock'), mac: 0x5a94efe40c07 },
      ...{ addresses: ['10.44.0.7/24'], gateways: ['10.44.0.1'] },
    });
    await guest.listen({ port: 22 }, async (stream) => {
      await stream.write(new TextEncoder().encode('SSH-2.0-guest'));
      stream.end();
    });
    const socket = connect(port, '127.0.0.1');
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    expect(String(greeting)).toBe('SSH-2.0-guest');
    socket.destroy();
    const forwards = JSON.parse(
      (await get(path('services.sock'), '/services/forwarder/all')).text,
    ) as object[];
    expect(forwards).toEqual([
      { local: `127.0.0.1:${port}`, remote: '10.44.0.7:22', protocol: 'tcp' },
      { local: `127.0.0.1:${port}`, remote: '10.44.0.7:53', protocol: 'udp' },
    ]);
    expect(JSON.parse((await get(path('api.sock'), '/leases')).text)).toEqual({
      '10.44.0.1': '5a:94:ef:e4:0c:00',
      '10.44.0.7': '5a:94:ef:e4:0c:07',
    });
    const zones = (await get(path('services.sock'), '/services/dns/all')).text;
    for (const part of ['own.test.', 'www', 'node-.*', '10.9.9.9']) expect(zones).toContain(part);
    // -services is the same API without a way to plug in.
    expect((await get(path('services.sock'), '/connect')).status).toBe(404);
    guest.close();
    await ended;
    server.close();
    expect(told.slice(1)).toEqual([
      { notification_type: 'connection_established', mac_address: '5a:94:ef:e4:0c:07' },
      { notification_type: 'connection_closed', mac_address: '5a:94:ef:e4:0c:07' },
    ]);
    const frames = execFileSync('tshark', ['-r', path('all.pcapng'), '-Y', 'tcp.port == 22'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(String(frames)).toMatch(/10\.44\.0\.7/);
  });

  it('exposes no port of the guest at -ssh-port -1', async () => {
    const ended = start(['-ssh-port', '-1', '-listen', `unix://${path('api.sock')}`]);
    await vi.waitUntil(() => existsSync(path('api.sock')), 20_000);
    expect(JSON.parse((await get(path('api.sock'), '/services/forwarder/all')).text)).toEqual([]);
    interrupt.abort();
    await ended;
  });

  it('says what is wrong in its file, and where', async () => {
    const wrong: [string, RegExp][] = [
      ['stack: {mtu: large}', /config\.yaml is no configuration/],
      ['stack:\n  gateway: 10.0.0.1', /config\.yaml is no configuration/],
      ['stack:\n  nat: {192.168.127.254: 10.0.0.1}', /config\.yaml is no configuration/],
      ['stack: {gatewayIPv6: "fd44::9"}', /config\.yaml is no configuration/],
      ['services: vsock://1', /-services "vsock:\/\/1" is neither/],
    ];
    for (const [text, message] of wrong) {
      await writeFile(path('config.yaml'), text);
      await expect(start(['-config', path('config.yaml')])).rejects.toThrow(message);
    }
    await writeFile(path('config.yaml'), 'stack:\n  nat: {192.168.127.254: 10.0.0.1}');
    await expect(start(['-config', path('config.yaml')])).rejects.toMatchObject({
      problems: [
        {
          message: 'nat leads 192.168.127.254 to 10.0.0.1; one address can be led, to 127.0.0.1',
          position: { line: 2 },
        },
      ],
    });
    await expect(start(['-notification', '/x'])).rejects.toThrow(/"\/x" is not unix:\/\/PATH/);
  });
});
