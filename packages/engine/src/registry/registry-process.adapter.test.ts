import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askRegistry } from './registry-process.ts';

describe('askRegistry', () => {
  let folder: TemporaryFolder;
  let server: Server;
  let socket = '';

  beforeEach(async () => {
    folder = await temporaryFolder();
    socket = join(folder.path, 'registry.sock');
    server = createServer((request, answer) => {
      if (request.url === '/cut')
        answer.writeHead(200, { 'content-length': 100 }).write('{', () => answer.destroy());
      else
        answer.writeHead(request.url === '/lost' ? 404 : 200).end(request.url === '/json' ? '[1]' : '<html>');
    });
    await new Promise<void>((listening) => server.listen(socket, listening));
  });
  afterEach(async () => {
    server.close();
    await folder.remove();
  });

  it('has an answer of JSON, and nothing of any other or of one that broke off', async () => {
    const paths = ['/json', '/html', '/lost', '/cut'];
    expect(await Promise.all(paths.map((path) => askRegistry(socket, path)))).toEqual([
      [1],
      ...[1, 2, 3].map(() => undefined),
    ]);
    expect(await askRegistry(`${socket}.none`, '/json')).toBeUndefined();
  });
});
