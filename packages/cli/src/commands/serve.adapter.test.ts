import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contextIn } from '../testing/command-under-test.ts';
import { parseServeAddress } from './serve.ts';
import { serveFolder } from './serve-files.ts';

describe('serveFolder', () => {
  let folder: TemporaryFolder;
  let base: string;
  let port: number;
  const interrupt = new AbortController();
  let served: Promise<void>;

  beforeAll(async () => {
    folder = await temporaryFolder('cli-serve');
    await mkdir(join(folder.path, 'www', 'sub'), { recursive: true });
    await writeFile(join(folder.path, 'www', 'boot.ipxe'), '#!ipxe\nboot\n');
    await writeFile(join(folder.path, 'www', 'sub', '<a>.txt'), 'in a folder');
    await writeFile(join(folder.path, 'secret'), 'secret');
    await symlink('../secret', join(folder.path, 'www', 'out'));
    const context = contextIn(folder.path, interrupt.signal);
    served = serveFolder({ port: { host: '127.0.0.1', port: 0 }, directory: 'www' }, context);
    const line = await new Promise<string>((done) =>
      context.stdout.once('data', (text) => done(String(text))),
    );
    base = /http:\S+/.exec(line)?.[0] ?? '';
    port = Number(new URL(base).port);
  });
  afterAll(async () => {
    interrupt.abort();
    await served;
    await folder.remove();
  });

  /** The status line for a path that a browser would have cleaned up. */
  async function rawStatus(path: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    return `${answer.split(' ')[1]} ${answer.includes('secret')}`;
  }

  it('answers with files, their type and parts of them', async () => {
    const whole = await fetch(`${base}boot.ipxe`);
    expect([whole.status, whole.headers.get('content-type'), await whole.text()]).toEqual([
      200,
      'text/plain; charset=utf-8',
      '#!ipxe\nboot\n',
    ]);
    const part = await fetch(`${base}boot.ipxe`, { headers: { Range: 'bytes=2-5' } });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
      206,
      'bytes 2-5/12',
      'ipxe',
    ]);
    expect((await fetch(`${base}boot.ipxe`, { headers: { Range: 'bytes=99-' } })).status).toBe(416);
    const head = await fetch(`${base}boot.ipxe`, { method: 'HEAD' });
    expect([head.headers.get('content-length'), await head.text()]).toEqual(['12', '']);
  });

  it('gives a part to who began with the same file, and the whole to others', async () => {
    const modified = (await fetch(`${base}boot.ipxe`)).headers.get('last-modified') ?? '';
    const goOn = (unchanged: string) =>
      fetch(`${base}boot.ipxe`, { headers: { Range: 'bytes=7-', 'If-Range': unchanged } });
    expect(await (await goOn(modified)).text()).toBe('boot\n');
    for (const earlier of ['Sun, 06 Nov 1994 08:49:37 GMT', '"an-entity-tag"']) {
      const whole = await goOn(earlier);
      expect([whole.status, await whole.text()]).toEqual([200, '#!ipxe\nboot\n']);
    }
  });

  it('takes a path with the name of the server before it', async () => {
    expect(await rawStatus('http://127.0.0.1/boot.ipxe')).toBe('200 false');
    expect(await rawStatus('http://127.0.0.1')).toBe('200 false');
    expect(await rawStatus('http://127.0.0.1/../secret')).toBe('404 false');
  });

  it('does not send again what the reader has', async () => {
    const modified = (await fetch(`${base}boot.ipxe`)).headers.get('last-modified') ?? '';
    const again = await fetch(`${base}boot.ipxe`, { headers: { 'If-Modified-Since': modified } });
    expect(again.status).toBe(304);
  });

  it('lists folders, with names that are no markup', async () => {
    const list = await fetch(`${base}sub`);
    expect(list.url).toBe(`${base}sub/`);
    expect(await list.text()).toContain('<a href="./%3Ca%3E.txt">&#60;a&#62;.txt</a>');
    expect(await (await fetch(`${base}sub/%3Ca%3E.txt`)).text()).toBe('in a folder');
  });

  it.each([
    '/../secret',
    '/sub/../../secret',
    '/%2e%2e/secret',
    '/..%2fsecret',
    '/out',
    '/a%00',
    '/%zz',
    '//../secret',
  ])('finds nothing at %s', async (path) => {
    expect(await rawStatus(path)).toBe('404 false');
  });

  it('takes no other methods', async () => {
    expect((await fetch(`${base}boot.ipxe`, { method: 'POST', body: 'x' })).status).toBe(405);
  });
});

describe('parseServeAddress', () => {
  it.each([
    ['8080', '127.0.0.1', 8080],
    [':8080', '127.0.0.1', 8080],
    ['192.0.2.1:80', '192.0.2.1', 80],
    ['[::1]:0', '::1', 0],
  ])('%s', (text, host, port) => {
    expect(parseServeAddress(text)).toEqual({ host, port });
  });

  it.each(['', 'x', '1:2:3', '65536', 'a:b'])('refuses %j', (text) => {
    expect(() => parseServeAddress(text)).toThrow('such as 8080');
  });
});
