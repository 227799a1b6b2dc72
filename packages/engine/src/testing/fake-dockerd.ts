import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { DockerChannel } from '../docker/docker-channel.ts';
import { createCredentials, type InstanceCredentials } from '../tls/instance-authority.ts';

/** A server on the loopback that asks for a client's certificate as dockerd with tlsverify does. */
export interface FakeDockerd {
  readonly channel: DockerChannel;
  readonly port: number;
  /** Connections that are open now. */
  readonly open: () => number;
  close(): Promise<void>;
}

export interface FakeDockerdOptions {
  readonly handle?: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrade?: (request: IncomingMessage, stream: Duplex) => void;
  readonly credentials?: InstanceCredentials;
}

export async function startFakeDockerd(options: FakeDockerdOptions): Promise<FakeDockerd> {
  const credentials = options.credentials ?? createCredentials(Date.now());
  const sockets = new Set<Duplex>();
  const server: Server = createServer({
    ca: credentials.authority,
    cert: credentials.server.certificate,
    key: credentials.server.key,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  if (options.handle !== undefined) server.on('request', options.handle);
  const { upgrade } = options;
  if (upgrade !== undefined)
    server.on('upgrade', (request, stream, head) => {
      // What came along with the request belongs to the stream.
      if (head.length > 0) stream.unshift(head);
      upgrade(request, stream);
    });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    channel: new DockerChannel({ credentials, dial: () => dial(port) }),
    open: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

export function dial(port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}
