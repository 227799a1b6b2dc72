import { IpAddress } from '@orlop/netstack';
import { expect, it } from 'vitest';
import {
  type HostEndpoint,
  type HostSockets,
  type HostStream,
  type HostStreamEvents,
  WOULD_BLOCK,
} from '../host/host-sockets.ts';

export interface SocketsUnderTest {
  readonly sockets: HostSockets;
  /** Lets events happen until the condition holds. */
  until(condition: () => boolean): Promise<void>;
  /** A path for a unix socket that does not exist yet. */
  readonly unixPath: string;
}

const LOOPBACK = IpAddress.v4(0x7f000001);
const bytes = (text: string) => new TextEncoder().encode(text);

/** Everything that happened at one end. */
class Recorder implements HostStreamEvents {
  readonly events: string[] = [];
  received = '';
  receivedBytes = 0;
  stream: HostStream | undefined = undefined;
  readonly #chunk = new Uint8Array(65_536);

  onOpen(): void {
    this.events.push('open');
  }
  onWritable(): void {
    this.events.push('writable');
  }
  onFailed(failure: string): void {
    this.events.push(failure);
  }
  onReadable(): void {
    const count = this.stream?.read(this.#chunk) ?? WOULD_BLOCK;
    if (count === WOULD_BLOCK) return;
    if (count === 0) {
      this.events.push('end');
      this.stream?.wantRead(false);
      return;
    }
    this.receivedBytes += count;
    if (this.receivedBytes < 1000) this.received += new TextDecoder().decode(this.#chunk.slice(0, count));
  }
}

/** What every implementation of {@link HostSockets} does. */
export function describeHostSockets(open: () => Promise<SocketsUnderTest>): void {
  async function pair(under: SocketsUnderTest, endpoint?: HostEndpoint) {
    const server = new Recorder();
    const listener = await under.sockets.listen(
      endpoint ?? { kind: 'ip', address: LOOPBACK, port: 0 },
      (stream) => {
        server.stream = stream;
        return server;
      },
    );
    const client = new Recorder();
    client.stream = under.sockets.connect(listener.local, client);
    expect(client.events).toEqual([]);
    await under.until(() => client.events.includes('open') && server.stream !== undefined);
    const [near, far] = [client.stream, server.stream];
    if (near === undefined || far === undefined) throw new Error('no streams');
    return { client, server, near, far, listener };
  }

  it('connects, carries bytes both ways, and ends each direction by itself', async () => {
    const under = await open();
    const { client, server, near, far, listener } = await pair(under);
    near.wantRead(true);
    far.wantRead(true);
    expect(near.write(bytes('question'))).toBe(8);
    near.end();
    await under.until(() => server.events.includes('end'));
    expect(server.received).toBe('question');
    far.write(bytes('answer after the end'));
    far.end();
    await under.until(() => client.events.includes('end'));
    expect(client.received).toBe('answer after the end');
    near.close();
    far.close();
    listener.close();
  });

  it.each([3, 700])('writes a piece of an array: %i bytes of it', async (length) => {
    const under = await open();
    const { server, near, far, listener } = await pair(under);
    far.wantRead(true);
    const text = 'abcdefghij'.repeat(100);
    expect(near.write(bytes(text), 5, length)).toBe(length);
    await under.until(() => server.received.length >= length);
    expect(server.received).toBe(text.slice(5, 5 + length));
    near.close();
    far.close();
    listener.close();
  });

  it('does the same over a unix socket', async () => {
    const under = await open();
    const { client, near, far, listener } = await pair(under, { kind: 'unix', path: under.unixPath });
    near.wantRead(true);
    far.write(bytes('hello'));
    await under.until(() => client.received === 'hello');
    near.close();
    far.close();
    listener.close();
  });

  it('tells a refused connection after connect has returned', async () => {
    const under = await open();
    const { near, far, listener } = await pair(under);
    near.close();
    far.close();
    listener.close();
    const client = new Recorder();
    client.stream = under.sockets.connect(listener.local, client);
    expect(client.events).toEqual([]);
    await under.until(() => client.events.length > 0);
    expect(client.events).toEqual(['refused']);
  });

  it('tells a reset, and nothing after it', async () => {
    const under = await open();
    const { client, near, far, listener } = await pair(under);
    near.wantRead(true);
    far.reset();
    await under.until(() => client.events.includes('reset'));
    expect(client.events).toEqual(['open', 'reset']);
    listener.close();
  });

  it('takes no more than its bound while the other side does not read, and tells when it does', async () => {
    const under = await open();
    const { client, server, near, far, listener } = await pair(under);
    const chunk = new Uint8Array(65_536);
    let sent = 0;
    for (let stuck = 0; stuck < 50; ) {
      const taken = near.write(chunk);
      sent += taken;
      if (taken === chunk.length) continue;
      stuck++;
      expect(sent).toBeLessThan(32 * 1024 * 1024);
      // Node's own queue moves into the kernel's a little later.
      await under.until(() => true);
    }
    far.wantRead(true);
    await under.until(() => server.receivedBytes === sent && client.events.includes('writable'));
    near.close();
    far.close();
    listener.close();
  });

  it('carries datagrams with their sender, and answers them', async () => {
    const under = await open();
    const got: string[] = [];
    const server = await under.sockets.bindDatagram(LOOPBACK, 0, {
      onDatagram: (payload, address, port) => {
        got.push(`${payload.length} from ${address}`);
        server.send(payload.slice(0, 1), address, port);
      },
      onFailed: () => {},
    });
    const port = server.local.kind === 'ip' ? server.local.port : 0;
    const answers: number[] = [];
    const client = under.sockets.openDatagram(4, {
      onDatagram: (payload) => answers.push(payload.length),
      onFailed: () => {},
    });
    client.send(new Uint8Array(9000), LOOPBACK, port);
    client.send(new Uint8Array(0), LOOPBACK, port);
    client.send(new Uint8Array(3), LOOPBACK, port);
    await under.until(() => answers.length === 3);
    expect(got).toEqual(['9000 from 127.0.0.1', '0 from 127.0.0.1', '3 from 127.0.0.1']);
    expect(answers).toEqual([1, 0, 1]);
    client.close();
    server.close();
  });

  it('loses nothing of a burst of datagrams that comes while it is busy', async () => {
    const under = await open();
    let count = 0;
    const server = await under.sockets.bindDatagram(LOOPBACK, 0, {
      onDatagram: () => {
        count++;
      },
      onFailed: () => {},
    });
    const port = server.local.kind === 'ip' ? server.local.port : 0;
    const client = under.sockets.openDatagram(4, { onDatagram: () => {}, onFailed: () => {} });
    for (let i = 0; i < 150; i++) client.send(new Uint8Array(1200), LOOPBACK, port);
    await under.until(() => count === 150);
    client.close();
    server.close();
  });

  it('refuses an endpoint that is taken', async () => {
    const under = await open();
    const { near, far, listener } = await pair(under);
    await expect(under.sockets.listen(listener.local, () => new Recorder())).rejects.toMatchObject({
      code: 'vnet.bind-failed',
    });
    near.close();
    far.close();
    listener.close();
  });
}
