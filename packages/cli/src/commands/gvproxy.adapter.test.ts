import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { type JoinedNetwork, joinNetwork } from '@orlop/vnet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { orlopProgram } from '../program.ts';
import { contextIn } from '../testing/command-under-test.ts';
import { gvproxyArguments } from './gvproxy-arguments.ts';

describe('gvproxyArguments', () => {
  it('takes the flags of Go’s flag package, by one dash or two, and switches that are given a value', () => {
    expect(
      gvproxyArguments([
        '-mtu',
        '1500',
        '--listen-qemu=unix:///a',
        '-debug=false',
        '-version',
        '-ssh-port=-1',
      ]),
    ).toEqual(['--mtu', '1500', '--listen-qemu=unix:///a', '--version', '--ssh-port=-1']);
  });
});

describe('orlop gvproxy', () => {
  let folder: TemporaryFolder;
  let guest: JoinedNetwork;
  let ended: Promise<unknown>;
  let sshPort: number;
  const interrupt = new AbortController();
  const path = (name: string) => join(folder.path, name);
  const start = (words: readonly string[]) =>
    orlopProgram(contextIn(folder.path, interrupt.signal)).parseAsync(
      ['gvproxy', ...gvproxyArguments(words)],
      { from: 'user' },
    );

  beforeAll(async () => {
    folder = await temporaryFolder('gvproxy');
    sshPort = 20_000 + (process.pid % 10_000);
    // As podman machine writes it.
    ended = start([
      ...['-mtu', '1500', '-ssh-port', String(sshPort), '-listen-qemu', `unix://${path('qemu.sock')}`],
      ...['-listen', `tcp://127.0.0.1:${sshPort + 2}`],
      ...[
        '-listen',
        `unix://${path('api.sock')}`,
        '-pid-file',
        path('gvproxy.pid'),
        '-log-file',
        path('log'),
      ],
    ]);
    await vi.waitUntil(() => existsSync(path('qemu.sock')) && existsSync(path('api.sock')), 20_000);
    guest = await joinNetwork({
      ...{ socketPath: path('qemu.sock'), mac: 0x5a94efe40cee },
      ...{ addresses: ['192.168.127.2/24'], gateways: ['192.168.127.1'] },
    });
  });

  afterAll(async () => {
    interrupt.abort();
    guest?.close();
    await ended?.catch(() => {});
    await folder.remove();
  });

  /** What a port of the guest greets with, as the host reads it. */
  const read = (port: number) =>
    new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(port, '127.0.0.1');
      socket.on('data', (chunk) => {
        text += String(chunk);
      });
      socket.on('error', () => resolve(text));
      socket.on('close', () => resolve(text));
    });
  const greet = (port: number, words: string) =>
    guest.listen({ port }, async (stream) => {
      await stream.write(new TextEncoder().encode(words));
      stream.end();
    });
  /** A request of the guest to port 80 of the gateway. */
  const ask = async (method: string, where: string, body = '') => {
    const stream = await guest.connect({ address: '192.168.127.1', port: 80 });
    const head = `${method} ${where} HTTP/1.1\r\nhost: gateway.containers.internal\r\nconnection: close\r\n`;
    await stream.write(new TextEncoder().encode(`${head}content-length: ${body.length}\r\n\r\n${body}`));
    let text = '';
    for await (const bytes of stream) text += new TextDecoder().decode(bytes);
    stream.end();
    return text;
  };

  it('leads -ssh-port to port 22 of the guest, and writes -pid-file', async () => {
    await greet(22, 'SSH-2.0-guest');
    await expect.poll(() => read(sshPort)).toBe('SSH-2.0-guest');
    expect(readFileSync(path('gvproxy.pid'), 'utf8')).toBe(String(process.pid));
  });

  it('exposes a port that the guest asks for at port 80 of the gateway, and answers nothing else there', async () => {
    await greet(8080, 'a container');
    const local = `127.0.0.1:${sshPort + 1}`;
    const expose = JSON.stringify({ local, remote: '192.168.127.2:8080', protocol: 'tcp' });
    expect(await ask('POST', '/services/forwarder/expose', expose)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await read(sshPort + 1)).toBe('a container');
    expect(await ask('GET', '/services/forwarder/all')).toContain(local);
    expect(await ask('POST', '/services/forwarder/unexpose', JSON.stringify({ local }))).toMatch(/ 200 /);
    expect(await read(sshPort + 1)).toBe('');
    for (const where of ['/leases', '/stats', '/services/dns/all', '/tunnel?ip=192.168.127.2&port=22']) {
      expect(await ask('GET', where)).toMatch(/^HTTP\/1\.1 404 /);
    }
  });

  it('answers the whole API on -listen, with gvproxy’s addresses', async () => {
    const leases = await new Promise<string>((resolve, reject) => {
      request({ socketPath: path('api.sock'), path: '/leases' }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += String(chunk);
        });
        answer.on('end', () => resolve(text));
      })
        .on('error', reject)
        .end();
    });
    expect(JSON.parse(leases)).toEqual({
      '192.168.127.1': '5a:94:ef:e4:0c:dd',
      '192.168.127.2': '5a:94:ef:e4:0c:ee',
    });
    const overTcp = await fetch(`http://127.0.0.1:${sshPort + 2}/leases`);
    expect(await overTcp.json()).toEqual(JSON.parse(leases));
  });

  it('refuses what gvproxy refuses', async () => {
    await writeFile(path('taken.sock'), '');
    const refused: [string[], RegExp][] = [
      [['-ssh-port', '22'], /1024 to 65535/],
      [['-listen-qemu', `unix://${path('taken.sock')}`], /already exists/],
      [['-listen-bess', 'unix:///x'], /unixpacket/],
      [['-forward-sock', '/x'], /equally often/],
      [['-listen', 'vsock://:1024'], /neither unix:\/\/PATH nor tcp:\/\/ADDRESS:PORT/],
    ];
    for (const [words, message] of refused) await expect(start(words)).rejects.toThrow(message);
  });

  it('ends with its guest, and leaves no file behind', async () => {
    guest.close();
    await ended;
    for (const name of ['qemu.sock', 'api.sock', 'gvproxy.pid']) expect(existsSync(path(name))).toBe(false);
  });
});
