import type { ByteStream, DatagramNetwork, SocketAddress, StreamNetwork } from './network.ts';

/** Two programs' networks, and where the first is found from the second. May be the same network twice. */
export interface CompliancePair {
  readonly server: StreamNetwork & { readonly datagrams: DatagramNetwork };
  readonly client: StreamNetwork & { readonly datagrams: DatagramNetwork };
  readonly serverAddress: string;
  /** A port that is free on the server's side, another for each call. */
  freePort(): number;
}

/** One claim that every implementation of the socket face keeps. `run` throws when it does not hold. */
export interface ComplianceCase {
  readonly title: string;
  run(pair: CompliancePair): Promise<void>;
}

/** What every implementation of the socket face has to do; run by the tests of each. */
export const networkCompliance: readonly ComplianceCase[] = [
  {
    title: 'carries bytes both ways and ends each direction by itself',
    run: async (pair) => {
      const { stream, serve } = await connected(pair, async (served) => {
        const request = await readAll(served);
        await served.write(encode(`you said ${decode(request)}`));
        served.end();
      });
      await stream.write(encode('hello '));
      await stream.write(encode('world'));
      stream.end();
      equal(decode(await readAll(stream)), 'you said hello world');
      await stream.closed;
      await serve;
    },
  },
  {
    title: 'carries a megabyte with back pressure, byte for byte',
    run: async (pair) => {
      const { stream, serve } = await connected(pair, async (served) => {
        for await (const bytes of served) await served.write(bytes.slice());
        served.end();
      });
      const sent = new Uint8Array(1_000_003).map((_, index) => (index * 31) ^ (index >>> 8));
      const writing = stream.write(sent).then(() => stream.end());
      const received = await readAll(stream);
      await writing;
      equal(received.length, sent.length);
      equal(firstDifference(received, sent), -1);
      await serve;
    },
  },
  {
    title: 'tells who speaks to whom',
    run: async (pair) => {
      const seen: SocketAddress[] = [];
      const { stream, serve, port } = await connected(pair, async (served) => {
        seen.push(served.remote, served.local);
        served.end();
        await readAll(served);
      });
      equal(stream.remote.port, port);
      equal(stream.remote.address, pair.serverAddress);
      stream.end();
      await readAll(stream);
      await serve;
      equal(seen[0]?.port, stream.local.port);
      equal(seen[0]?.address, stream.local.address);
      equal(seen[1]?.port, port);
    },
  },
  {
    title: 'rejects with netstack.refused where nobody listens',
    run: async (pair) => {
      const port = pair.freePort();
      equal(await codeOf(pair.client.connect({ address: pair.serverAddress, port })), 'netstack.refused');
    },
  },
  {
    title: 'rejects a read with netstack.reset when the other side aborts',
    run: async (pair) => {
      const { stream } = await connected(pair, async (served) => {
        await served.read();
        served.abort();
      });
      await stream.write(encode('x'));
      equal(await codeOf(readAll(stream)), 'netstack.reset');
      equal(await codeOf(stream.closed), 'netstack.reset');
    },
  },
  {
    title: 'resets a stream whose server fails',
    run: async (pair) => {
      const { stream } = await connected(pair, async (served) => {
        await served.read();
        throw new Error('the program failed');
      });
      await stream.write(encode('x'));
      equal(await codeOf(readAll(stream)), 'netstack.reset');
    },
  },
  {
    title: 'rejects a write after the end instead of waiting for ever',
    run: async (pair) => {
      const { stream } = await connected(pair, async (served) => {
        await readAll(served);
      });
      stream.end();
      equal(await codeOf(stream.write(encode('x'))), 'netstack.reset');
    },
  },
  {
    title: 'refuses a second listener on one port with netstack.port-in-use',
    run: async (pair) => {
      const listener = await pair.server.listen({ port: pair.freePort() }, async () => {});
      equal(
        await codeOf(pair.server.listen({ port: listener.port }, async () => {})),
        'netstack.port-in-use',
      );
      listener.close();
    },
  },
  {
    title: 'sends datagrams and answers them',
    run: async (pair) => {
      const server = await pair.server.datagrams.bind({ port: pair.freePort() }, (bytes, from, port) => {
        port.send(encode(decode(bytes).toUpperCase()), from);
      });
      const answer = await new Promise<string>((resolve, reject) => {
        pair.client.datagrams
          .bind({ port: 0 }, (bytes, _from, port) => {
            port.close();
            resolve(decode(bytes));
          })
          .then((port) => port.send(encode('ping'), { address: pair.serverAddress, port: server.port }))
          .catch(reject);
      });
      server.close();
      equal(answer, 'PING');
    },
  },
];

async function connected(pair: CompliancePair, program: (stream: ByteStream) => Promise<void>) {
  let done: (value: Promise<void>) => void = () => {};
  const serve = new Promise<void>((resolve) => {
    done = resolve;
  });
  serve.catch(() => {});
  const listener = await pair.server.listen({ port: pair.freePort() }, (stream) => {
    // Not earlier: who is in the middle of a handshake would be turned away.
    listener.close();
    const running = program(stream);
    done(running);
    return running;
  });
  const stream = await pair.client.connect({ address: pair.serverAddress, port: listener.port });
  return { stream, serve, port: listener.port };
}

async function readAll(stream: ByteStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const bytes of stream) {
    parts.push(bytes.slice());
    length += bytes.length;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : String(error);
  }
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  return a.findIndex((byte, index) => byte !== b[index]);
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`expected ${String(expected)}, got ${String(actual)}`);
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
