/**
 * Times of one boot of the seed's redis-os, from `orlop run` over the start of QEMU to Redis's first PONG, read off
 * the machine's console and a socket. `node bench/boot/run.mjs [YAML…]`; the image is built before the clock starts.
 */
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/harness/free-port.ts';
import type { GuestMachine } from '../../test/harness/guest-machine.ts';
import { Workshop } from '../../test/harness/orlop.ts';

const pollMs = 50;
const components = ['kernel', 'init', 'crun', 'containerd', 'dhcpcd', 'getty', 'redis'];
const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Lines of the console that mark a step, in the order in which they come. */
const steps: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['kernel speaks', /\] Linux version/],
  ['first program (/init)', /Run \/init as init process/],
  ['rc.init runs', /orlop: Welcome to Orlop/],
  ['machine is set up', /orlop: machine is set up/],
];

const words = process.argv.slice(2);
const sources = words.length > 0 ? words : [file('examples/linuxkit/redis-os.yml')];
const workshop = await Workshop.open();
let machine: GuestMachine | undefined;
try {
  await workshop.buildComponents(components);
  const image = await workshop.buildFiles('redis-os', [
    '--substitutions',
    file('examples/substitutions.yml'),
    ...sources,
  ]);
  const port = await freePort();
  const booted = workshop.boot(image, { publish: [`${port}:6379`] });
  machine = booted;
  const seen: { readonly name: string; readonly atMs: number }[] = [];
  const mark = (name: string): void => void seen.push({ name, atMs: booted.elapsedMs });
  const marks = steps.map(([name, pattern]) => booted.waitFor(pattern).then(() => mark(name)));
  const onboot = booted.onLine(
    /orlop: (onboot \S+ (?:done|FAILED)|service \S+ started|starting \d+ services)/,
    ([, text]) => mark(text ?? ''),
  );
  await Promise.all([...marks, firstPong(port).then(() => mark('Redis answers PONG'))]);
  seen.push({ name: 'QEMU starts, kernel and RAM disk unpacked', atMs: await qemuStartedMs(booted) });
  onboot();
  await booted.powerDown();
  await booted.exited;
  report(seen.toSorted((a, b) => a.atMs - b.atMs));
} finally {
  await machine?.end();
  await workshop.close();
}

function report(rows: readonly { readonly name: string; readonly atMs: number }[]): void {
  let before = 0;
  console.log(
    `at (s)   step (s)  of a boot under TCG; ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}`,
  );
  for (const { name, atMs } of rows) {
    console.log(
      `${(atMs / 1000).toFixed(2).padStart(6)}   ${((atMs - before) / 1000).toFixed(2).padStart(8)}  ${name}`,
    );
    before = atMs;
  }
  const [qemu, pong] = [rows.find(({ name }) => name.startsWith('QEMU')), rows.at(-1)];
  if (qemu !== undefined && pong !== undefined) {
    console.log(`from QEMU's start to the first PONG: ${((pong.atMs - qemu.atMs) / 1000).toFixed(2)} s`);
  }
}

/** On the machine's clock, to a hundredth of a second (proc_pid_stat(5), field 22; a tick is 10 ms on every Debian). */
async function qemuStartedMs(machine: GuestMachine): Promise<number> {
  const [{ state }] = JSON.parse(await workshop.orlopHere(['ps', '--json']));
  const stat = await readFile(`/proc/${state.process.pid}/stat`, 'latin1');
  const startedTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const uptimeSeconds = Number((await readFile('/proc/uptime', 'latin1')).split(' ')[0]);
  return machine.elapsedMs - (uptimeSeconds * 1000 - startedTicks * 10);
}

async function firstPong(port: number): Promise<void> {
  for (;;) {
    if (await answersPing(port)) return;
    await new Promise((next) => setTimeout(next, pollMs));
  }
}

/** QEMU takes the connection before the guest listens, so only an answer counts. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((settled) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const end = (answer: boolean): void => {
      socket.destroy();
      settled(answer);
    };
    socket.setTimeout(1000, () => end(false));
    socket.on('data', (bytes) => end(bytes.toString().startsWith('+PONG')));
    socket.on('error', () => end(false));
    socket.on('close', () => settled(false));
  });
}
