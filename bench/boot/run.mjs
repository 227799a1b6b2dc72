#!/usr/bin/env node
/** Bundles and runs bench.ts: `node bench/boot/run.mjs`, half a minute and the build of what is out of date. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const folder = mkdtempSync(join(tmpdir(), 'orlop-bench-boot-'));
try {
  const outfile = join(folder, 'bench.mjs');
  const source = join(import.meta.dirname, 'bench.ts');
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    // The checkout is found from the source, not from the bundle; both files that ask stand two folders deep.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(source).href) },
    logLevel: 'warning',
  });
  await import(pathToFileURL(outfile).href);
} finally {
  rmSync(folder, { recursive: true });
}
