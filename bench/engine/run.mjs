#!/usr/bin/env node
/** What an engine costs, in one run, with the Docker client of the host: `node bench/engine/run.mjs --help`. */
import { cpus, totalmem } from 'node:os';
import { readWords } from '../read-words.mjs';
import { BenchHome } from './bench-home.mjs';
import { measureFiles } from './files.mjs';
import { measureIdle } from './idle.mjs';
import { measureLatency, measureSaved, measureStart } from './life.mjs';
import { Report } from './report.mjs';
import { measureSync } from './sync.mjs';
import { measureThroughput } from './throughput.mjs';

/** In the order in which they are measured. `idle` is before the shares, which `files` and `sync` start virtiofsd for. */
const PARTS = {
  start: measureStart,
  saved: measureSaved,
  latency: measureLatency,
  throughput: measureThroughput,
  idle: measureIdle,
  files: measureFiles,
  sync: measureSync,
};

const USAGE = `usage: node bench/engine/run.mjs [OPTIONS]

Starts an engine in a home of its own, and measures it. Ten to twenty minutes under emulation.

  --parts NAME,…   only these: ${Object.keys(PARTS).join(', ')}
  --starts N       cold and warm starts, and saved states (3)
  --runs N         times of \`docker run\` (15)
  --seconds S      of each throughput (5)
  --idle S         of rest (60)
  --cpus N         of the engine (1)
  --json           print everything as JSON at the end
  -h, --help

It needs QEMU, virtiofsd, iperf3 and a Docker client. Components come from the store of ORLOP_CACHE or ORLOP_HOME.
Ctrl-C ends the engine and removes its home.
`;

async function main() {
  const numbers = { starts: 3, runs: 15, seconds: 5, idle: 60, cpus: 1 };
  const values = readWords(USAGE, { ...numbers, parts: Object.keys(PARTS), json: false });
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(name, () => {
      process.exitCode = name === 'SIGINT' ? 130 : 143;
      console.error('ending the engine …');
      interrupted.abort();
    });
  }
  await measure(values, interrupted.signal);
}

async function measure(values, signal) {
  const report = new Report({ quiet: values.json });
  const home = new BenchHome(signal);
  const runs = { start: values.starts, saved: values.starts, latency: values.runs };
  const length = { throughput: values.seconds, idle: values.idle };
  try {
    await home.build();
    await home.orlop('config', 'set', 'cpus', String(values.cpus));
    await home.orlop('config', 'set', 'memory', '1GiB');
    if (!values.json) console.log(`${cpus().length} cores; an engine of ${values.cpus} cpu, 1 GiB`);
    let loaded = false;
    for (const [name, part] of Object.entries(PARTS)) {
      if (!values.parts.includes(name)) continue;
      if (name !== 'start' && !loaded) {
        await home.orlop('up', '--quiet');
        await home.loadBusybox();
        loaded = true;
      }
      await part({ home, report, runs: runs[name], seconds: length[name], signal });
    }
    if (values.json) {
      const host = {
        cores: cpus().length,
        memoryMiB: Math.round(totalmem() / 2 ** 20),
        node: process.version,
      };
      const { accelerator } = await home.status();
      const engine = { cpus: values.cpus, memoryMiB: 1024, accelerator };
      process.stdout.write(`${JSON.stringify({ host, engine, figures: report.figures }, undefined, 2)}\n`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await home.close();
  }
}

await main();
