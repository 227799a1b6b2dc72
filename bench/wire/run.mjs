#!/usr/bin/env node
/** Bundles and runs bench.ts; see USAGE. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { readWords } from '../read-words.mjs';
import { makeWorkFolder } from '../work-folder.mjs';

const USAGE = `usage: node bench/wire/run.mjs

Prints what parsing and emitting each format costs. Some seconds.

  -h, --help   print this text`;

readWords(USAGE, {});

const folder = makeWorkFolder('wire');
const outfile = join(folder, 'bench.mjs');
await build({
  entryPoints: [join(import.meta.dirname, 'bench.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
await import(pathToFileURL(outfile).href);
