#!/usr/bin/env node
/**
 * `sudo node bench/network/run.mjs [--seconds N] [--mtu 1500,65520] [--peers orlop,slirp4netns,pasta,gvproxy]`:
 * a network namespace as the guest, the same clients for every peer, in one run. Minutes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const folder = mkdtempSync(join(tmpdir(), 'orlop-bench-'));
try {
  const outfile = join(folder, 'bench.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'bench.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
  });
  const { runBench } = await import(pathToFileURL(outfile).href);
  await runBench({ repository: join(import.meta.dirname, '..', '..'), folder, argv: process.argv.slice(2) });
} finally {
  rmSync(folder, { recursive: true });
}
