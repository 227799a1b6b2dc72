#!/usr/bin/env node
/** Bundles one of the benchmarks here and runs it: node bench/netstack/run.mjs bulk|connections|fuzz|loss [arguments] */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const [name = 'bulk', ...args] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'orlop-bench-'));
try {
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
} finally {
  rmSync(folder, { recursive: true });
}
