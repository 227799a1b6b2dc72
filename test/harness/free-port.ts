import { createServer, type Server } from 'node:net';

/** A TCP port of 127.0.0.1 that nobody holds at this moment. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** So many of them, no two the same. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held: Server[] = [];
  try {
    for (let at = 0; at < count; at++) held.push(await listen());
    return held.map((server) => {
      const address = server.address();
      return address !== null && typeof address === 'object' ? address.port : 0;
    });
  } finally {
    for (const server of held) server.close();
  }
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}
