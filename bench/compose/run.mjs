#!/usr/bin/env node
/** What composing costs; see USAGE. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { readWords } from '../read-words.mjs';
import { timeProgram } from '../time-program.mjs';
import { makeWorkFolder } from '../work-folder.mjs';

const USAGE = `usage: node bench/compose/run.mjs

Prints wall time and peak memory of redis-os from a warm store in the formats of one pass, and of an image of 4 GB made
of synthetic layers. Exits 1 where the memory does not hold. A minute, and 9 GB below ${tmpdir()} ($TMPDIR).

  -h, --help   print this text`;

readWords(USAGE, {});
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const MAX_RESIDENT_MB = 200;
const LAYERS = 8;
const LAYER_MB = 512;

const folder = makeWorkFolder('compose');
const rows = [];
await measureRedis();
await measureLarge();
console.table(rows);
const over = rows.filter((row) => row['peak MB'] > MAX_RESIDENT_MB);
if (over.length > 0) {
  console.error(`over ${MAX_RESIDENT_MB} MB: ${over.map((row) => row.what).join(', ')}`);
  process.exit(1);
}

async function measureRedis() {
  const yaml = join(root, 'examples/redis-os.yml');
  const words = ['build', '--quiet', '--dir', folder, yaml];
  await run('warming the store', [join(root, 'orlop'), ...words], process.env, false);
  for (const format of ['tar', 'kernel+initrd', 'tar,kernel+initrd']) {
    const outputs = { tar: ['redis-os.tar'], 'kernel+initrd': ['redis-os-initrd.img'] };
    await run(`redis-os ${format}`, [join(root, 'orlop'), ...words, '-f', format]);
    rows.at(-1)['output MB'] = Math.round(
      format
        .split(',')
        .flatMap((name) => outputs[name])
        .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0) / 1e6,
    );
  }
}

async function measureLarge() {
  const program = join(folder, 'large-image.mjs');
  await build({
    entryPoints: [join(root, 'bench/compose/large-image.ts')],
    outfile: program,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['koffi'],
    logLevel: 'error',
  });
  const home = join(folder, 'home');
  const env = { ...process.env, ORLOP_HOME: home };
  mkdirSync(home);
  await run(
    'making the layers',
    [process.execPath, program, join(home, 'cache'), String(LAYERS), String(LAYER_MB)],
    env,
    false,
  );
  writeFileSync(join(folder, 'large.yml'), 'services:\n  - {name: large, image: bench/large}\n');
  const words = ['build', '--quiet', '--no-pull', '--dir', folder, '-f', 'tar', join(folder, 'large.yml')];
  await run(
    `${(LAYERS * LAYER_MB) / 1024} GB in ${LAYERS} layers, tar`,
    [join(root, 'orlop'), ...words],
    env,
  );
  rows.at(-1)['output MB'] = Math.round(statSync(join(folder, 'large.tar')).size / 1e6);
}

/** Runs a command to its end and notes its time and the peak of its memory. */
async function run(what, words, env = process.env, noted = true) {
  process.stderr.write(`${what} …\n`);
  const { seconds, peakMb } = await timeProgram(words, env);
  if (noted) rows.push({ what, seconds: Number(seconds.toFixed(1)), 'peak MB': Math.round(peakMb) });
}
