#!/usr/bin/env node
/**
 * `node bench/engine/run.mjs [--runs N] [--seconds S] [--idle S] [--cpus N] [--parts NAME,…]`: what an engine costs, in one
 * run, with the Docker client of the host. A home of its own, with the user's store of components. Ten minutes under emulation.
 * Parts: start, saved, latency, throughput, files, sync, idle.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, homedir, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { measureSync } from './sync.mjs';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '5' },
    cpus: { type: 'string', default: '1' },
    idle: { type: 'string', default: '60' },
    parts: { type: 'string', default: 'start,saved,latency,throughput,files,sync,idle' },
  },
});
const wanted = values.parts.split(',');
const run = promisify(execFile);
const checkout = resolve(import.meta.dirname, '../..');
const program = join(checkout, 'dist', 'orlop.mjs');
const home = mkdtempSync(join(tmpdir(), 'orlop-bench-engine-'));
const share = join(home, 'share');
const machine = join(home, 'machines', 'engine-default');
const env = {
  ...process.env,
  ORLOP_HOME: home,
  ORLOP_CACHE: process.env.ORLOP_CACHE ?? join(process.env.ORLOP_HOME ?? join(homedir(), '.orlop'), 'cache'),
  DOCKER_CONFIG: join(home, 'docker'),
  DOCKER_HOST: `unix://${home}/engine/default/docker.sock`,
};
const options = { env, timeout: 900_000, maxBuffer: 64 << 20 };
const orlop = async (...words) => (await run(process.execPath, [program, ...words], options)).stdout;
const docker = async (...words) => (await run('docker', words, options)).stdout;
const status = async () => JSON.parse(await orlop('status', '--json'))[0];
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

function say(what, figure) {
  console.log(`${what.padEnd(52)} ${figure}   (load ${loadavg()[0].toFixed(1)})`);
}

async function timed(work) {
  const before = performance.now();
  await work();
  return performance.now() - before;
}

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Processor time of the machine's own processes and of the daemon, and what they have in memory. */
function processes() {
  const daemon = JSON.parse(readFileSync(join(home, 'daemon', 'identity.json'), 'utf8')).pid;
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // QEMU and virtiofsd run in the machine's folder.
      if (Number(pid) !== daemon && readlinkSync(`/proc/${pid}/cwd`) !== machine) continue;
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const rss = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0;
      const name =
        Number(pid) === daemon ? 'daemon' : stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
      // Hundredths of a second: time(7).
      found.push({
        name,
        pid,
        cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
        rssBytes: Number(rss) * 1024,
      });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

async function load(folder, name) {
  const archive = join(home, `${name}.tar`);
  await orlop('pkg', 'build', folder);
  await orlop('cache', 'export', '--format', 'docker', '--outfile', archive, `orlop/${name}`);
  await docker('load', '-i', archive);
}

async function loadImages() {
  await orlop('up', '--quiet');
  await load(join(checkout, 'pkg', 'busybox'), 'busybox');
  if (wanted.includes('throughput')) await load(join(import.meta.dirname, 'iperf3'), 'iperf3');
}

async function start() {
  const up = async () => {
    await orlop('up', '--quiet');
    await docker('info');
  };
  await orlop('up', '--quiet'); // composes the image
  await orlop('reset', '--force');
  const cold = await timed(up);
  const cpuMs = (await status()).usage.machineCpuMs;
  say('cold, new data disk: up to `docker info`', `${seconds(cold)}, ${seconds(cpuMs)} of a processor`);
  await orlop('down');
  say('warm, data disk of before: up to `docker info`', seconds(await timed(up)));
}

async function saved() {
  const [suspends, resumes] = [[], []];
  for (let round = 0; round < 3; round++) {
    suspends.push(await timed(() => orlop('suspend')));
    if (round === 0) say('saved state: its file', mib(statSync(join(machine, 'saved.zst')).size));
    resumes.push(await timed(() => docker('info')));
  }
  say('saved state: `orlop suspend`, median of 3', seconds(median(suspends)));
  say('saved state: `docker info` brings it back, median of 3', seconds(median(resumes)));
}

async function latency() {
  const times = [];
  for (let round = 0; round < Number(values.runs); round++) {
    times.push(await timed(() => docker('run', '--rm', 'orlop/busybox', 'true')));
  }
  say(`docker run --rm, p50 of ${values.runs}`, seconds(median(times)));
}

async function throughput() {
  const rate = (text) => `${(JSON.parse(text).end.sum_received.bits_per_second / 1e6).toFixed(0)} Mbit/s`;
  const port = await freePort();
  await docker('run', '-d', '--name', 'server', '-p', `127.0.0.1:${port}:5201`, 'orlop/iperf3', '-s');
  const client = async (...words) => {
    const all = ['-c', '127.0.0.1', '-p', String(port), '-t', values.seconds, '-J', ...words];
    for (let tries = 0; ; tries++) {
      try {
        const { stdout } = await run('iperf3', all);
        // A port that is published before its program listens; iperf3 ends with 0 then.
        if (JSON.parse(stdout).end?.sum_received !== undefined) return stdout;
        throw new Error(`iperf3: ${JSON.parse(stdout).error}`);
      } catch (error) {
        if (tries > 60) throw error;
        await new Promise((passed) => setTimeout(passed, 250));
      }
    }
  };
  say('host → container, published port', rate(await client()));
  say('host ← container, published port', rate(await client('-R')));
  await docker('rm', '-f', 'server');
  const own = await freePort();
  const server = spawn('iperf3', ['-s', '-B', '127.0.0.1', '-p', String(own)], { stdio: 'ignore' });
  try {
    const words = ['-c', 'host.docker.internal', '-p', String(own), '-t', values.seconds, '-J'];
    say(
      'container → host (host.docker.internal)',
      rate(await docker('run', '--rm', 'orlop/iperf3', ...words)),
    );
  } finally {
    server.kill();
  }
}

/** A shell's words that do one thing in /t, and print how many hundredths of a second it took. */
const measure = (work) =>
  `t() { read up _ </proc/uptime; echo \${up%.*}\${up#*.}; }; a=$(t); ${work}; b=$(t); echo $((b-a))`;
const works = [
  ['500 files made', 'i=0; while [ $i -lt 500 ]; do : >/t/f$i; i=$((i+1)); done'],
  ['500 files looked at', 'i=0; while [ $i -lt 500 ]; do [ -s /t/f$i ]; i=$((i+1)); done'],
  ['500 files listed and removed', 'ls -l /t >/dev/null; rm /t/f*'],
  ['64 MiB written', 'dd if=/dev/zero of=/t/large bs=1M count=64 conv=fsync 2>/dev/null'],
  ['64 MiB read', 'echo 3 >/proc/sys/vm/drop_caches; dd if=/t/large of=/dev/null bs=1M 2>/dev/null'],
];

async function files() {
  mkdirSync(share, { recursive: true });
  await orlop('down');
  await orlop('up', '--quiet', '--share', share);
  const at = async (source) => {
    const figures = [];
    for (const [, work] of works) {
      const words = ['run', '--rm', '--privileged', '-v', `${source}:/t`, 'orlop/busybox', 'sh', '-c'];
      figures.push(Number(await docker(...words, measure(work))) * 10);
    }
    return figures;
  };
  const [own, bind] = [await at('volume'), await at(share)];
  for (const [index, [what]] of works.entries()) {
    const ratio = (bind[index] / Math.max(10, own[index])).toFixed(1);
    say(`bind mount, ${what}`, `${bind[index]} ms; own disk ${own[index]} ms; ratio ${ratio}`);
  }
}

const sync = () => measureSync({ orlop, docker, env, share, say, measure, timed, seconds, median });

async function idle() {
  const usage = async () => (await status()).usage;
  await new Promise((settled) => setTimeout(settled, 15_000));
  const before = processes();
  await new Promise((passed) => setTimeout(passed, Number(values.idle) * 1000));
  for (const one of processes()) {
    const earlier = before.find(({ pid }) => pid === one.pid)?.cpuMs ?? 0;
    const share = (one.cpuMs - earlier) / Number(values.idle) / 10;
    say(
      `idle for ${values.idle} s, with a share: ${one.name}`,
      `${share.toFixed(1)} % of a core, ${mib(one.rssBytes)}`,
    );
  }
  const { guestUsedBytes = 0, diskUsedBytes } = await usage();
  say("idle: what the machine's system uses; its disk", `${mib(guestUsedBytes)}; ${mib(diskUsedBytes)}`);
}

try {
  await run(join(checkout, 'orlop'), ['version'], options);
  await orlop('config', 'set', 'cpus', values.cpus);
  await orlop('config', 'set', 'memory', '1GiB');
  console.log(`${cpus().length} cores; an engine of ${values.cpus} cpu, 1 GiB`);
  const parts = { start, saved, latency, throughput, files, sync, idle };
  for (const [name, part] of Object.entries(parts)) {
    if (name === 'saved') await loadImages();
    if (wanted.includes(name)) await part();
  }
} finally {
  await orlop('down', '--all').catch(() => '');
  rmSync(home, { recursive: true, force: true });
}
