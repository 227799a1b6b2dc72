import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@orlop/core';
import { networkCompliance } from '@orlop/netstack';
import { temporaryFolder } from '@orlop/testkit';
import { DNS_CLASS_IN, DNS_NAME_ERROR, DNS_TYPE_A, encodeDns, parseDns } from '@orlop/wire';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenNetwork, openNetwork } from '../open-network.ts';
import { type JoinedNetwork, joinNetwork } from './join-network.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

describe('joinNetwork', () => {
  const close: (() => void | Promise<void>)[] = [];
  let folder = '';
  let socketPath = '';
  let opened: OpenNetwork;
  const join2 = async (address: string, mtu = 1500): Promise<JoinedNetwork> => {
    const network = await joinNetwork({ socketPath, addresses: [address], gateways: ['192.168.127.1'], mtu });
    close.push(() => network.close());
    return network;
  };

  beforeAll(async () => {
    const temporary = await temporaryFolder('join');
    folder = temporary.path;
    socketPath = join(folder, 'net.sock');
    opened = await openNetwork({
      config: { name: 'join' },
      logger: silentLogger,
      platform: process.platform,
    });
    await opened.listen({ kind: 'qemu', endpoint: { kind: 'unix', path: socketPath } });
    close.push(() => temporary.remove());
  });

  afterAll(async () => {
    opened.close();
    for (const action of close.reverse()) await action();
  });

  describe.each([1500, 65_520])('at MTU %i, two programs on one virtual network', (mtu) => {
    let next = 1000;
    let pair: { server: JoinedNetwork; client: JoinedNetwork };

    beforeAll(async () => {
      const base = mtu === 1500 ? 40 : 50;
      pair = {
        server: await join2(`192.168.127.${base}/24`, mtu),
        client: await join2(`192.168.127.${base + 1}/24`, mtu),
      };
    });

    for (const { title, run } of networkCompliance) {
      it(title, async () => {
        const serverAddress = mtu === 1500 ? '192.168.127.40' : '192.168.127.50';
        await expect(run({ ...pair, serverAddress, freePort: () => next++ })).resolves.toBeUndefined();
      });
    }
  });

  it('serves examples/net-http to another host of the network, and on host sockets', async () => {
    const bundle = await bundleExample('net-http', folder);
    const onNetwork = await start(bundle.path, [socketPath, '80']);
    const onHost = await start(bundle.path, ['host', '0']);
    try {
      const client = await join2('192.168.127.60/24');
      const stream = await client.connect({ address: '192.168.127.80', port: 80 });
      await stream.write(new TextEncoder().encode('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
      let text = '';
      for await (const bytes of stream) text += new TextDecoder().decode(bytes);
      stream.end();
      expect(text).toContain('Hello 192.168.127.60, this is 192.168.127.80.');
      const port = /port (\d+)/.exec(onHost.firstLine)?.[1];
      const response = await fetch(`http://127.0.0.1:${port}/`);
      expect(await response.text()).toBe('Hello 127.0.0.1, this is 127.0.0.1.\n');
      const [head = '', body = ''] = (
        await askRaw(Number(port), 'GET /\xe9 HTTP/1.1\r\nconnection: close')
      ).split('\r\n\r\n');
      expect(Number(/content-length: (\d+)/.exec(head)?.[1])).toBe(body.length);
    } finally {
      await onNetwork.stop();
      await onHost.stop();
    }
  });

  it('serves examples/net-dns to another host of the network, and bundles no TCP', async () => {
    const bundle = await bundleExample('net-dns', folder);
    expect(bundle.inputs.filter((path) => path.includes('netstack/src/tcp/'))).toEqual([]);
    expect(bundle.inputs).toContain('packages/netstack/src/udp/udp.ts');
    const whole = await bundleExample('net-http', folder);
    expect(bundle.bytes).toBeLessThan(whole.bytes * 0.8);
    const server = await start(bundle.path, [socketPath, '53']);
    try {
      const client = await join2('192.168.127.61/24');
      const ask = (name: string) =>
        new Promise<ReturnType<typeof parseDns>>((resolve) => {
          client.datagrams
            .bind({ port: 0 }, (bytes) => resolve(parseDns(bytes, 0, bytes.length)))
            .then((port) => port.send(query(name), { address: '192.168.127.53', port: 53 }));
        });
      expect(await ask('constructor')).toMatchObject({ response: true, responseCode: DNS_NAME_ERROR });
      expect(await ask('Deck.orlop.example')).toMatchObject({
        response: true,
        answers: [{ kind: 'A', address: 0xc0000202 }],
      });
    } finally {
      await server.stop();
    }
  });
});

/** All that an HTTP server answers, a character for each byte. */
async function askRaw(port: number, head: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(Buffer.from(`${head}\r\n\r\n`, 'latin1'));
  let text = '';
  for await (const bytes of socket) text += (bytes as Buffer).toString('latin1');
  return text;
}

function query(name: string): Uint8Array {
  return encodeDns({
    id: 7,
    response: false,
    opcode: 0,
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    authenticData: false,
    checkingDisabled: false,
    responseCode: 0,
    questions: [{ name, type: DNS_TYPE_A, class: DNS_CLASS_IN }],
    answers: [],
    authorities: [],
    additionals: [],
  });
}

/** What the example's README does, with the list of what came into the bundle. */
async function bundleExample(name: string, folder: string) {
  const path = join(folder, `${name}.mjs`);
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: [`examples/${name}/main.ts`],
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    outfile: path,
    metafile: true,
    logLevel: 'silent',
  });
  const [output] = Object.values(result.metafile.outputs);
  const inputs = Object.entries(output?.inputs ?? {}).filter(([, input]) => input.bytesInOutput > 0);
  return { path, bytes: output?.bytes ?? 0, inputs: inputs.map(([file]) => file) };
}

/** Starts a program and waits for its first line: then it serves. */
async function start(path: string, args: readonly string[]) {
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = await once(child.stdout, 'data');
  return {
    firstLine: String(chunk),
    stop: async () => {
      child.kill();
      await once(child, 'close');
    },
  };
}
