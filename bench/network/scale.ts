import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JoinedNetwork, joinNetwork, NetworkClient } from '@orlop/vnet';
import { descriptorLimit } from '../../packages/vnet/src/host/descriptor-limit.ts';
import { shareSockets } from '../../packages/vnet/src/host/socket-shares.ts';
import { orlopNetUp } from './orlop-network.ts';
import { cpuSecondsOf, memoryOf, run, start, stop, until } from './tools.ts';

export interface ScaleOptions {
  readonly repository: string;
  readonly folder: string;
}

const NAMESPACE = 'orlop-bench-scale';
/** Opened at once. */
const BATCH = 200;
/** As many as one guest may have where descriptors are few: beyond its share, three quarters, it is not answered. */
const SHARE = shareSockets(descriptorLimit()).tcp * 0.75;
const CONNECTIONS = Math.min(10_000, Math.floor(SHARE / BATCH) * BATCH);
const FORWARDS = 1_000;
const LINKS = 50;
const LINK_BYTES = 4_000_000;
const SERVER_PORT = 15_601;
const FIRST_FORWARD = 21_001;

/** Accepts, says what it is told; reads nothing while it is told to `stall`. */
const SERVER = `
const net = require('net'); let stalled = false;
const sockets = new Set();
net.createServer((s) => {
  sockets.add(s); s.on('error', () => {}); s.on('close', () => sockets.delete(s));
  s.on('data', (d) => s.write(d)); if (stalled) s.pause();
}).listen({ port: ${SERVER_PORT}, host: '127.0.0.1', backlog: 4096 }, () => console.log('ready'));
process.stdin.on('data', (d) => { stalled = true; for (const s of sockets) s.pause(); console.log('stalled ' + sockets.size); });
`;

/** Opens all connections, a batch at once, sends a byte over each, then 64 KiB over each, then ends them; waits for a line in between. */
const CLIENT = `
const net = require('net');
const lines = require('readline').createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let times = [];
const percentiles = () => {
  times.sort((a, b) => a - b);
  const at = (part) => +(times[Math.floor(times.length * part)] ?? 0).toFixed(1);
  const found = { p50Ms: at(0.5), p99Ms: at(0.99) };
  times = [];
  return found;
};
const open = () => new Promise((resolve, reject) => {
  const from = performance.now();
  const s = net.connect({ port: ${SERVER_PORT}, host: '192.168.127.254' }, () => {
    times.push(performance.now() - from);
    resolve(s);
  });
  s.on('error', reject);
});
(async () => {
  const sockets = [];
  let t = Date.now();
  for (let i = 0; i < ${CONNECTIONS}; i += ${BATCH}) sockets.push(...await Promise.all(Array.from({ length: ${BATCH} }, open)));
  console.log(JSON.stringify({ open: sockets.length, ms: Date.now() - t, ...percentiles() }));
  await lines.next();
  t = Date.now();
  await Promise.all(sockets.map((s) => new Promise((r) => {
    const from = performance.now();
    s.once('data', () => { times.push(performance.now() - from); r(); });
    s.write('x');
  })));
  console.log(JSON.stringify({ answered: sockets.length, ms: Date.now() - t, ...percentiles() }));
  await lines.next();
  for (const s of sockets) s.write(Buffer.alloc(65536));
  setTimeout(() => console.log(JSON.stringify({ written: sockets.length })), 5000);
  await lines.next();
  for (const s of sockets) s.destroy();
  console.log(JSON.stringify({ ended: sockets.length }));
  await lines.next();
  process.exit();
})();
`;

/** A guest's web server. */
const GUEST_SERVER = `
require('net').createServer((s) => { s.on('error', () => {}); s.end('from the guest'); }).listen(80, () => console.log('ready'));
`;

export async function runScale({ repository, folder }: ScaleOptions): Promise<void> {
  run(join(repository, 'orlop'), 'version');
  run('sh', '-c', `ip netns del ${NAMESPACE} 2>/dev/null; ip netns add ${NAMESPACE}`);
  run('ip', '-n', NAMESPACE, 'link', 'set', 'lo', 'up');
  const home = join(folder, 'home');
  const network = start(
    join(folder, 'orlop.log'),
    ...orlopNetUp(repository, home),
    ...['scale', '--mtu', '1500'],
    ...['--listen', `tap:tap0@${NAMESPACE}`, '--listen', join(folder, 'q.sock')],
  );
  const client = new NetworkClient(join(home, 'networks/scale/control.sock'));
  try {
    const inGuest = (...words: string[]) => run('ip', 'netns', 'exec', NAMESPACE, ...words);
    await until('the network', () => {
      inGuest('ip', 'link', 'set', 'tap0', 'mtu', '1500', 'up');
      inGuest('ip', 'addr', 'add', '192.168.127.2/24', 'dev', 'tap0');
    });
    inGuest('ip', 'route', 'add', 'default', 'via', '192.168.127.1');
    const pid = network.pid ?? 0;
    await connections(client, pid);
    await forwards(client, pid);
    await links(folder, pid);
  } finally {
    await stop(network);
    run('ip', 'netns', 'del', NAMESPACE);
  }
}

/** A process whose lines are waited for, and that is told to go on. */
class Talker {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, ...rest: string[]) {
    this.#child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('no standard output');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    return String((await this.#lines.next()).value);
  }

  async next(): Promise<string> {
    this.#child.stdin?.write('\n');
    return this.line();
  }

  close(): Promise<void> {
    return stop(this.#child);
  }
}

const inNamespace = (script: string): [string, ...string[]] => [
  'ip',
  ...['netns', 'exec', NAMESPACE, process.execPath, '-e', script],
];

async function connections(client: NetworkClient, pid: number): Promise<void> {
  const server = new Talker(process.execPath, '-e', SERVER);
  await server.line();
  const before = memoryOf(pid).resident;
  const guest = new Talker(...inNamespace(CLIENT));
  const each = () => `${(((memoryOf(pid).resident - before) * 1024) / CONNECTIONS).toFixed(2)} KiB each`;
  console.log(`connections through the gateway: idle network ${before.toFixed(0)} MiB`);
  console.log(`  ${await guest.line()}: ${memoryOf(pid).resident.toFixed(0)} MiB, ${each()}`);
  console.log(`  ${await guest.next()}: ${memoryOf(pid).resident.toFixed(0)} MiB, ${each()}`);
  await server.next();
  const written = await guest.next();
  console.log(
    `  64 KiB to readers that stall, ${written}: ${memoryOf(pid).resident.toFixed(0)} MiB, ${each()}`,
  );
  await guest.next();
  await server.close();
  const ended = performance.now();
  const passed = () => ((performance.now() - ended) / 1000).toFixed(1);
  const left = async () => {
    const flows = await client.call<readonly { readonly state: string }[]>('GET', '/v1/flows');
    return { all: flows.length, open: flows.filter(({ state }) => state !== 'time-wait').length };
  };
  let [now, openUntil] = [await left(), ''];
  while (now.all > 0 && performance.now() - ended < 60_000) {
    if (now.open === 0 && openUntil === '') openUntil = `none open after ${passed()} s, `;
    await sleep(200);
    now = await left();
  }
  console.log(
    `  ended: ${openUntil}${now.all} left after ${passed()} s, ${memoryOf(pid).resident.toFixed(0)} MiB`,
  );
  await guest.close();
}

async function forwards(client: NetworkClient, pid: number): Promise<void> {
  const guest = new Talker(...inNamespace(GUEST_SERVER));
  await guest.line();
  const before = memoryOf(pid).resident;
  const texts = Array.from({ length: FORWARDS }, (_, index) => `${FIRST_FORWARD + index}:192.168.127.2:80`);
  const startMs = performance.now();
  await client.addForwards(texts);
  const addedMs = performance.now() - startMs;
  let answered = 0;
  for (let index = 0; index < FORWARDS; index++) {
    let text = '';
    for await (const chunk of connect(FIRST_FORWARD + index, '127.0.0.1')) text += String(chunk);
    if (text === 'from the guest') answered++;
  }
  const grown = ((memoryOf(pid).resident - before) * 1024) / FORWARDS;
  console.log(
    `forwards: ${FORWARDS} added in ${addedMs.toFixed(0)} ms, ${answered} answered, ${grown.toFixed(1)} KiB each`,
  );
  await guest.close();
}

/** Programs on links of their own, each of which sends to the next. */
async function links(folder: string, pid: number): Promise<void> {
  const guests: JoinedNetwork[] = [];
  const before = memoryOf(pid).resident;
  for (let index = 0; index < LINKS - 1; index++) {
    const addresses = [`192.168.127.${100 + index}/24`];
    guests.push(await joinNetwork({ socketPath: join(folder, 'q.sock'), addresses, mtu: 1500 }));
  }
  let received = 0;
  const cpuBefore = cpuSecondsOf(pid);
  for (const guest of guests) {
    await guest.listen({ port: 7 }, async (stream) => {
      for await (const bytes of stream) received += bytes.length;
      stream.end();
    });
  }
  const block = new Uint8Array(65_536);
  const startMs = performance.now();
  await Promise.all(
    guests.map(async (guest, index) => {
      const address = `192.168.127.${100 + ((index + 1) % guests.length)}`;
      const stream = await guest.connect({ address, port: 7 });
      for (let sent = 0; sent < LINK_BYTES; sent += block.length) {
        await stream.write(block.subarray(0, Math.min(block.length, LINK_BYTES - sent)));
      }
      stream.end();
      await stream.closed;
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  const expected = guests.length * LINK_BYTES;
  console.log(
    `links: ${LINKS} on one switch, ${guests.length} streams at once from link to link: ${received === expected ? 'every' : 'NOT every'} byte, ` +
      `${((expected * 8) / seconds / 1e9).toFixed(2)} Gbit/s in all (both ends in one process), ` +
      `${((cpuSecondsOf(pid) - cpuBefore) / (expected / 1e9)).toFixed(2)} s of the switch's processor a gigabyte, ` +
      `${(((memoryOf(pid).resident - before) * 1024) / LINKS).toFixed(0)} KiB a link`,
  );
  for (const guest of guests) guest.close();
}
