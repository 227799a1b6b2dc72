#!/usr/bin/env node
/**
 * `sudo node bench/network/run.mjs [--seconds N] [--rounds N] [--mtu 1500,65520] [--peers orlop,slirp4netns,…]`: a
 * network namespace as the guest, the same clients for every peer, in one run. Minutes.
 * `sudo node bench/network/run.mjs scale`: how many connections, forwards and links.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const programs = { scale: 'runScale' };
const [word = ''] = process.argv.slice(2);
const name = word in programs ? word : 'bench';
const folder = mkdtempSync(join(tmpdir(), 'orlop-bench-'));
try {
  const outfile = join(folder, 'bench.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
  });
  const program = await import(pathToFileURL(outfile).href);
  const repository = join(import.meta.dirname, '..', '..');
  await program[programs[word] ?? 'runBench']({ repository, folder, argv: process.argv.slice(2) });
} finally {
  rmSync(folder, { recursive: true });
}
