import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kitError } from '../errors.ts';
import { HostSources } from './host-sources.ts';
import { loadImageYaml } from './load.ts';

let root: TemporaryFolder;
let server: Server;
let url: string;

beforeAll(async () => {
  root = await temporaryFolder('kit-sources');
  await mkdir(join(root.path, 'sub'));
  await writeFile(join(root.path, 'a.yml'), 'include: [sub/b.yml]\ninit: [a]\n');
  await writeFile(join(root.path, 'sub/b.yml'), 'include: [c.yml, ../sub/c.yml]\ninit: ["@pkg:../pkg/b"]\n');
  await writeFile(join(root.path, 'sub/c.yml'), 'init: [c]\n');
  const texts: Record<string, string> = {
    '/x/a.yml': 'include: [b.yml]\ninit: [a]\n',
    '/x/b.yml': 'init: [b]\n',
  };
  server = createServer((request, response) => {
    const text = texts[request.url ?? ''];
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await root.remove();
});

function sources(stdin = ''): HostSources {
  return new HostSources({
    cwd: root.path,
    home: '/home/me',
    stdin: (async function* () {
      yield stdin;
    })(),
    componentReference: async (folder) => {
      if (!folder.endsWith('/pkg/b')) throw kitError('kit.source-unreadable', `no component in ${folder}`);
      return 'docker.io/orlop/b:1';
    },
    signal: new AbortController().signal,
  });
}

const init = async (location: string, stdin?: string) =>
  (await loadImageYaml([location], { reader: sources(stdin) })).yaml.init?.map(({ value }) => value);

describe('HostSources', () => {
  it('starts includes and templates at the folder of their file, and takes a file once whatever its name', async () => {
    expect(await init('a.yml')).toEqual(['c', 'docker.io/orlop/b:1', 'a']);
  });

  it.each(['http://[', 'https://'])('says at its place that %s is no URL', async (bad) => {
    await expect(init('-', `include: ["${bad}"]\n`)).rejects.toMatchObject({
      code: 'kit.invalid-yaml',
      problems: [{ message: `include[0]: ${bad} is no URL` }],
    });
    await expect(init(bad)).rejects.toMatchObject({ code: 'kit.source-unreadable' });
  });

  it('reads a URL, and what it includes relative to it', async () => {
    expect(await init(`${url}/x/a.yml`)).toEqual(['b', 'a']);
  });

  it('reads standard input', async () => {
    expect(await init('-', 'init: [s]\n')).toEqual(['s']);
  });

  it('names what cannot be read', async () => {
    await expect(init('none.yml')).rejects.toMatchObject({
      code: 'kit.source-unreadable',
      message: 'cannot read none.yml',
    });
    await expect(init(`${url}/none`)).rejects.toMatchObject({
      code: 'kit.source-unreadable',
      message: `${url}/none answers 404 Not Found`,
    });
    await expect(init('http://127.0.0.1:1/x')).rejects.toMatchObject({ code: 'kit.source-unavailable' });
  });

  it('takes UTF-16 with a byte order mark, as Windows writes it, and refuses bytes that are no text', async () => {
    const bytes = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');
    await writeFile(join(root.path, 'le.yml'), bytes('init: [é]\n'));
    await writeFile(join(root.path, 'be.yml'), bytes('init: [b]\n').swap16());
    await writeFile(join(root.path, 'latin1.yml'), Buffer.from('init: [é]\n', 'latin1'));
    expect((await sources().read('le.yml')).text).toBe('init: [é]\n');
    expect(await init('be.yml')).toEqual(['b']);
    await expect(init('latin1.yml')).rejects.toMatchObject({
      code: 'kit.source-unreadable',
      message: 'latin1.yml is no text in UTF-8',
    });
  });

  it('stops reading what has no end', async () => {
    await expect(init('/dev/zero')).rejects.toMatchObject({
      message: '/dev/zero is over 16 MiB: no image description is',
    });
  });

  it('refuses a template that has no folder to start at', async () => {
    await expect(init('-', 'init: ["@pkg:./b"]\n')).rejects.toMatchObject({
      problems: [{ message: '@pkg:./b: a template names a folder beside its file, but <stdin> has none' }],
    });
  });

  it('finds the source of a file from the working folder, and from the home of ~/', async () => {
    expect(sources().hostPath('x/y')).toBe(join(root.path, 'x/y'));
    expect(sources().hostPath('~/y')).toBe('/home/me/y');
    expect(await sources().fileProblem('a.yml')).toBeUndefined();
    expect(await sources().fileProblem('sub')).toBe('source sub is no file');
    expect(await sources().fileProblem('none')).toBe('source none is not there');
  });
});
