import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { temporaryFolder } from '@orlop/testkit';
import { expect, it } from 'vitest';
import { unixTransport } from './daemon-client.ts';

it.each(['POST', 'DELETE'])('unixTransport carries the body of a %s', async (method) => {
  const folder = await temporaryFolder();
  const socket = join(folder.path, 'api.sock');
  const server = createServer(async (request, response) => {
    response.end(`${request.method} ${await text(request)}`);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    const answer = await unixTransport(socket)({ method, path: '/x', body: '{"force":"ü"}' });
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.body) chunks.push(chunk);
    expect([answer.status, Buffer.concat(chunks).toString()]).toEqual([200, `${method} {"force":"ü"}`]);
  } finally {
    server.close();
    await folder.remove();
  }
});
