#!/usr/bin/env node
/** Bundles and runs bench.ts; see USAGE. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { readWords, refuse } from '../read-words.mjs';
import { makeWorkFolder } from '../work-folder.mjs';

const USAGE = `usage: node bench/boot/run.mjs [YAML…]

Boots an image once, builds what is out of date before, and prints when the machine said what, up to Redis's first
PONG. Half a minute and the build. The image is examples/linuxkit/redis-os.yml unless files say otherwise.

  -h, --help   print this text`;

const { words } = readWords(USAGE, {}, { words: Infinity });
for (const word of words) if (!existsSync(word)) refuse(USAGE, `${word}: no such file`);

const folder = makeWorkFolder('boot');
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
