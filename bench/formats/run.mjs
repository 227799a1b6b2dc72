#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
/**
 * Every writer of disks against the best public tool, on one tree, in one run:
 * `node bench/formats/run.mjs [--input FOLDER] [small|large] [FORMAT…]`. Prints wall time, peak memory and ratios, and
 * says whether the goals hold. A folder that is named keeps the input for the next run; the format `none` only makes it.
 */
import { build } from 'esbuild';
import { containerPeers, fileSystemPeers } from './peers.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const MAX_RESIDENT_MB = 200;
/** How much slower than the best tool a writer may be: compressed formats, and the others. */
const MAX_RATIO = { compressed: 1.3, plain: 1 };
const compressed = ['squashfs', 'qcow2-compressed', 'vmdk'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { input: { type: 'string' } },
});
const [scale = 'small', ...wanted] = positionals;
const mebibytes = { small: 60, large: 4096 }[scale];
if (mebibytes === undefined) {
  console.error('usage: node bench/formats/run.mjs [--input FOLDER] [small|large] [FORMAT…]');
  process.exit(2);
}
const repeats = scale === 'small' ? 3 : 2;

const folder = mkdtempSync(join(tmpdir(), 'orlop-bench-formats-'));
const input = values.input === undefined ? folder : resolve(values.input);
const tree = join(input, 'tree');
const disk = join(input, 'disk.raw');
const out = join(folder, 'out');
const rows = [];
try {
  const makeTree = await bundle('make-tree');
  const writeFormat = await bundle('write-format');
  if (!existsSync(tree)) {
    mkdirSync(tree, { recursive: true });
    run(`${process.execPath} ${makeTree} ${tree} ${mebibytes}`);
  }
  for (const [format, peers] of chosen(fileSystemPeers)) measure(writeFormat, format, tree, peers);
  if (chosen(containerPeers).length > 0 || wanted.includes('none')) {
    // A disk without holes: the tree as ISO 9660.
    if (!existsSync(disk)) run(fileSystemPeers.iso.xorriso({ tree, out: disk }));
    for (const [format, peers] of chosen(containerPeers)) measure(writeFormat, format, disk, peers);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.table(rows);
const missed = rows.filter(
  (row) =>
    row['peak MB'] > MAX_RESIDENT_MB ||
    row.ratio > (compressed.includes(row.format) ? MAX_RATIO.compressed : MAX_RATIO.plain),
);
if (missed.length > 0) {
  console.error(`goals missed by ${missed.map((row) => row.format).join(', ')}`);
  process.exit(1);
}

function chosen(peers) {
  return Object.entries(peers).filter(([format]) => wanted.length === 0 || wanted.includes(format));
}

/** Takes turns with the tools, and keeps the best of each. */
function measure(program, format, input, peers) {
  process.stderr.write(`${format} …\n`);
  let own;
  const others = new Map();
  for (let i = 0; i < repeats; i++) {
    const result = run(`${process.execPath} ${program} ${format} ${input} ${out}`);
    const ours = { ...JSON.parse(result.stdout), peakMb: result.peakMb };
    if (own === undefined || ours.seconds < own.seconds) own = ours;
    const size = BigInt(statSync(out).size);
    own.outputMb = Number(size) / 1e6;
    rmSync(out);
    for (const [tool, words] of Object.entries(peers)) {
      const other = run(words({ tree, disk, out, size }));
      const known = others.get(tool);
      if (known === undefined || other.seconds < known.seconds)
        others.set(tool, { ...other, outputMb: statSync(out).size / 1e6 });
      rmSync(out);
    }
  }
  const [tool, best] = [...others].sort(([, a], [, b]) => a.seconds - b.seconds)[0];
  rows.push({
    format,
    seconds: round(own.seconds),
    'cpu s': round(own.cpuSeconds),
    'spooling s': round(own.spoolSeconds),
    'peak MB': Math.round(own.peakMb),
    'output MB': Math.round(own.outputMb),
    tool,
    'its seconds': round(best.seconds),
    'its cpu s': round(best.cpuSeconds),
    'its peak MB': Math.round(best.peakMb),
    'its output MB': Math.round(best.outputMb),
    ratio: round(own.seconds / best.seconds),
  });
  for (const [name, other] of others)
    if (name !== tool) process.stderr.write(`  ${name}: ${round(other.seconds)} s\n`);
}

/** Runs a command to its end; its peak of resident memory is what the kernel counted. */
function run(words) {
  const started = performance.now();
  const result = spawnSync('/usr/bin/time', ['-f', '%M %U %S', 'sh', '-c', words], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const seconds = (performance.now() - started) / 1000;
  if (result.status !== 0) throw new Error(`${words} failed:\n${result.stderr}`);
  const [peakKiB, user, system] = result.stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { seconds, cpuSeconds: user + system, peakMb: (peakKiB * 1024) / 1e6, stdout: result.stdout };
}

async function bundle(name) {
  const outfile = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [join(root, `bench/formats/${name}.ts`)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['koffi'],
    logLevel: 'error',
  });
  return outfile;
}

function round(value) {
  return Number(value.toPrecision(3));
}
