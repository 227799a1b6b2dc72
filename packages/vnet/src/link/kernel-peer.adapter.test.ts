import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  createStack,
  type FrameLink,
  ImpairedLink,
  IpPrefix,
  type LinkConditions,
  StackDriver,
  stackStreams,
} from '@orlop/netstack';
import { seededRandom } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Poller } from '../native/poller.ts';
import { nodeScheduler } from '../node-scheduler.ts';
import { openTap } from './tap.ts';

/** The judge: Linux's own TCP in a network namespace, joined to our stack by a TAP interface. */
const NAMESPACE = `orlop-kernel-${process.pid}`;

/** Listens, takes everything, answers with as much of its own, and prints the hashes. */
const KERNEL_PROGRAM = `
const net = require('node:net'), { createHash } = require('node:crypto');
const size = Number(process.argv[1]);
net.createServer({ allowHalfOpen: true }, (socket) => {
  const hash = createHash('sha256');
  let count = 0;
  socket.on('data', (bytes) => { hash.update(bytes); count += bytes.length; });
  socket.on('end', () => console.log(JSON.stringify({ count, hash: hash.digest('hex') })));
  socket.on('error', (error) => console.log(JSON.stringify({ error: error.message })));
  socket.end(Buffer.alloc(size, (index) => index & 0xff).fill('orlop kernel peer '));
}).listen(7, '::', () => console.log('listening'));
`;

interface Case {
  readonly name: string;
  readonly mtu: number;
  readonly bytes: number;
  readonly conditions?: LinkConditions;
}

const CASES: readonly Case[] = [
  { name: 'clean, MTU 576', mtu: 576, bytes: 1_000_000 },
  { name: 'clean, MTU 1500', mtu: 1500, bytes: 4_000_000 },
  { name: 'clean, MTU 9000', mtu: 9000, bytes: 10_000_000 },
  { name: 'clean, MTU 65520', mtu: 65_520, bytes: 30_000_000 },
  { name: 'loss 2 %, delay 2 ms', mtu: 1500, bytes: 1_000_000, conditions: { loss: 0.02, delayMs: 2 } },
  {
    name: 'loss 2 %, delay 2 ms, MTU 65520',
    mtu: 65_520,
    bytes: 4_000_000,
    conditions: { loss: 0.02, delayMs: 2 },
  },
  {
    name: 'everything, MTU 65520',
    mtu: 65_520,
    bytes: 3_000_000,
    conditions: { loss: 0.01, reorder: 0.1, reorderMs: 4, duplicate: 0.03, delayMs: 2 },
  },
  {
    name: 'reorder 20 %, duplicate 5 %, MTU 9000',
    mtu: 9000,
    bytes: 2_000_000,
    conditions: { reorder: 0.2, reorderMs: 4, duplicate: 0.05, delayMs: 2 },
  },
  {
    name: 'reorder 20 %, duplicate 5 %',
    mtu: 1500,
    bytes: 1_000_000,
    conditions: { reorder: 0.2, reorderMs: 4, duplicate: 0.05, delayMs: 2 },
  },
  {
    name: 'everything',
    mtu: 576,
    bytes: 200_000,
    conditions: { loss: 0.03, reorder: 0.1, reorderMs: 4, duplicate: 0.03, corrupt: 0.01, delayMs: 3 },
  },
];

describe('Linux as the peer of our TCP', () => {
  const poller = new Poller(process.platform, process.arch);

  beforeAll(() => {
    ip('netns', 'add', NAMESPACE);
    ip('-n', NAMESPACE, 'link', 'set', 'lo', 'up');
  });

  afterAll(() => {
    ip('netns', 'del', NAMESPACE);
  });

  for (const [index, { name, mtu, bytes, conditions }] of CASES.entries()) {
    for (const version of mtu < 1280 ? [4] : [4, 6]) {
      it(`gets and gives every byte once, in order, and closes: ${name}, IPv${version}`, async () => {
        const device = `k${index}v${version}`;
        const tap = openTap(poller, { name: device, mtu, namespace: `/run/netns/${NAMESPACE}` });
        const kernelAddress = version === 4 ? '10.9.0.2' : 'fd09::2';
        configure(device, mtu, version, kernelAddress);
        const random = seededRandom(index + 1);
        const parts = { link: tap, scheduler: nodeScheduler, random };
        const link: FrameLink = conditions === undefined ? tap : new ImpairedLink(parts, conditions);
        const address = prefix(version === 4 ? '10.9.0.1/24' : 'fd09::1/64');
        const stack = createStack({ mac: 0x02_00_00_00_00_01, addresses: [address], random, mtu });
        const driver = new StackDriver({ machine: stack, link, scheduler: nodeScheduler });
        const kernel = spawn('ip', [
          'netns',
          'exec',
          NAMESPACE,
          process.execPath,
          '-e',
          KERNEL_PROGRAM,
          `${bytes}`,
        ]);
        try {
          const lines = linesOf(kernel.stdout);
          expect(await lines.next()).toMatchObject({ value: 'listening' });
          driver.start();
          const stream = await stackStreams(stack.tcp).connect({ address: kernelAddress, port: 7 });
          const sent = new Uint8Array(bytes).map((_, at) => (at * 7) ^ (at >>> 9));
          const received = createHash('sha256');
          let count = 0;
          const sending = stream.write(sent).then(() => stream.end());
          for await (const part of stream) {
            received.update(part);
            count += part.length;
          }
          await sending;
          await stream.closed;
          const theirs = JSON.parse(String((await lines.next()).value));
          expect(theirs).toEqual({ count: bytes, hash: createHash('sha256').update(sent).digest('hex') });
          const expected = Buffer.alloc(bytes).fill('orlop kernel peer ');
          expect({ count, hash: received.digest('hex') }).toEqual({
            count: bytes,
            hash: createHash('sha256').update(expected).digest('hex'),
          });
        } finally {
          driver.close();
          kernel.kill();
          await once(kernel, 'close');
        }
      });
    }
  }
});

function configure(device: string, mtu: number, version: number, address: string): void {
  ip('-n', NAMESPACE, 'link', 'set', device, 'mtu', `${mtu}`, 'up');
  if (version === 4) ip('-n', NAMESPACE, 'addr', 'add', `${address}/24`, 'dev', device);
  else ip('-n', NAMESPACE, 'addr', 'add', `${address}/64`, 'dev', device, 'nodad');
}

async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream) {
    rest += String(chunk);
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function prefix(text: string): IpPrefix {
  const parsed = IpPrefix.parse(text);
  if (parsed === undefined) throw new Error(`bad prefix ${text}`);
  return parsed;
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
