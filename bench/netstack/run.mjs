#!/usr/bin/env node
/** Bundles one of the benchmarks here and runs it; see USAGE. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { readProgram } from '../read-words.mjs';
import { makeWorkFolder } from '../work-folder.mjs';

const USAGE = `usage: node bench/netstack/run.mjs [PROGRAM]

The stack alone, two of it in one process.

  bulk [--seconds N]             one way, at three MTUs, so long each (1)
  connections                    connect-request-response-close a second, and what an idle connection holds
  fuzz [--frames N] [--seed N]   mutated frames (1000000), from one seed (1)
  loss                           throughput over impaired links, in virtual time
  -h, --help                     print this text`;

const { name, values } = readProgram(USAGE, {
  bulk: { seconds: 1 },
  connections: {},
  fuzz: { frames: 1_000_000, seed: 1 },
  loss: {},
});
const args = Object.values(values).map(String);
const folder = makeWorkFolder('netstack');
const outfile = join(folder, 'bench.mjs');
await build({
  entryPoints: [fileURLToPath(new URL(`./${name}.ts`, import.meta.url))],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  outfile,
  logLevel: 'warning',
});
const result = spawnSync(process.execPath, ['--expose-gc', outfile, ...args], { stdio: 'inherit' });
process.exitCode = result.status ?? 1;
