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
import { openTap } from '../link/tap.ts';
import type { Poller } from '../native/poller.ts';
import { nodeScheduler } from '../node-scheduler.ts';

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

export interface LinuxTransfer {
  /** Of the interface; a new one for each transfer. */
  readonly device: string;
  readonly mtu: number;
  readonly version: 4 | 6;
  /** Each way. */
  readonly bytes: number;
  readonly seed: number;
  /** @default a clean link */
  readonly conditions?: LinkConditions | undefined;
}

/** What one side got, and what the other one gave. */
export interface Half {
  readonly count: number;
  readonly hash: string;
}

export interface LinuxTransferResult {
  readonly toLinux: { readonly given: Half; readonly got: Half };
  readonly fromLinux: { readonly given: Half; readonly got: Half };
  readonly seconds: number;
}

/** The judge: Linux's own TCP in a network namespace, joined to our stack by a TAP interface. */
export class LinuxPeer {
  readonly #namespace: string;
  readonly #poller: Poller;

  /** Makes the namespace, as root. */
  constructor(namespace: string, poller: Poller) {
    this.#namespace = namespace;
    this.#poller = poller;
    ip('netns', 'add', namespace);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
  }

  close(): void {
    ip('netns', 'del', this.#namespace);
  }

  /** Both ways at once over one connection that our stack opens, to its end on both sides. */
  async transfer(options: LinuxTransfer): Promise<LinuxTransferResult> {
    const { device, mtu, version, bytes, conditions } = options;
    const namespace = this.#namespace;
    const tap = openTap(this.#poller, { name: device, mtu, namespace: `/run/netns/${namespace}` });
    const [address, own] = version === 4 ? ['10.9.0.2', '10.9.0.1/24'] : ['fd09::2', 'fd09::1/64'];
    this.#configure(options, address);
    const random = seededRandom(options.seed);
    const parts = { link: tap, scheduler: nodeScheduler, random };
    const link: FrameLink = conditions === undefined ? tap : new ImpairedLink(parts, conditions);
    const stack = createStack({ mac: 0x02_00_00_00_00_01, addresses: [prefix(own)], random, mtu });
    const driver = new StackDriver({ machine: stack, link, scheduler: nodeScheduler });
    const words = ['netns', 'exec', namespace, process.execPath, '-e', KERNEL_PROGRAM, `${bytes}`];
    const kernel = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const lines = linesOf(kernel.stdout);
      await lines.next(); // listening
      driver.start();
      const startedMs = performance.now();
      const stream = await stackStreams(stack.tcp).connect({ address, port: 7 });
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
      const got = JSON.parse(String((await lines.next()).value)) as Half;
      const theirs = Buffer.alloc(bytes).fill('orlop kernel peer ');
      return {
        toLinux: { given: halfOf(sent), got },
        fromLinux: { given: halfOf(theirs), got: { count, hash: received.digest('hex') } },
        seconds: (performance.now() - startedMs) / 1000,
      };
    } finally {
      driver.close();
      kernel.kill();
      await once(kernel, 'close');
    }
  }

  #configure({ device, mtu, version }: LinuxTransfer, address: string): void {
    ip('-n', this.#namespace, 'link', 'set', device, 'mtu', `${mtu}`, 'up');
    const place = ['-n', this.#namespace, 'addr', 'add'];
    if (version === 4) ip(...place, `${address}/24`, 'dev', device);
    else ip(...place, `${address}/64`, 'dev', device, 'nodad');
  }
}

function halfOf(bytes: Uint8Array): Half {
  return { count: bytes.length, hash: createHash('sha256').update(bytes).digest('hex') };
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
