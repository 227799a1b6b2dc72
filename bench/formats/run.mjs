#!/usr/bin/env node
/** Every writer of images against the best public tool, on one tree, in one run; see USAGE. */
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { readWords, refuse } from '../read-words.mjs';
import { timeProgram } from '../time-program.mjs';
import { makeWorkFolder } from '../work-folder.mjs';
import { containerPeers, fileSystemPeers, rowPeers } from './peers.mjs';

const USAGE = `usage: node bench/formats/run.mjs [options] [small|large] [FORMAT…]

Writes every format and has the best public tool write the same, the two in turns; prints seconds, peak memory and
ratios, and exits 1 where a goal is missed. small is 60 MB in 3,000 files, large 4 GB in 30,000.

  --input FOLDER   keep tree and disk in a folder for the next run; the format "none" only makes them
  --rounds N       how often each is run, the best counts (default: 3 for small, 2 for large)
  -h, --help       print this text

formats: ${[fileSystemPeers, containerPeers, rowPeers].flatMap((peers) => Object.keys(peers)).join(' ')}
A large run of all takes an hour and 20 GB below ${tmpdir()} ($TMPDIR).`;

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
/** As the launcher, `orlop`, starts it. */
const node = `${process.execPath} --max-semi-space-size=4 --heap-growing-percent=30`;
const settle = join(root, 'bench/formats/settle.sh');
const MAX_RESIDENT_MB = 200;
/** How much slower than the best tool a writer may be: what is not compressed, and the others. */
const MAX_RATIO = { plain: 1, compressed: 1.3 };
const plain = new Set([
  ...Object.keys(fileSystemPeers).filter((format) => format !== 'squashfs'),
  ...Object.keys(containerPeers).filter((format) => !['qcow2-compressed', 'vmdk'].includes(format)),
  'tar',
  'docker',
]);
/** What the rows of a packed disk are made from, when no size is asked for: at least so large. */
const DISK_BYTES = 2n ** 30n;

const options = readOptions();
const { mebibytes, wanted, rounds } = options;
const folder = makeWorkFolder('formats');
const input = options.input === '' ? folder : resolve(options.input);
const tree = join(input, 'tree');
const disk = join(input, 'disk.raw');
const work = join(folder, 'work');
const out = join(folder, 'out');
const rows = [];
const run = (words) => timeProgram(['sh', '-c', words]);
const makeTree = await bundle('make-tree');
const writeFormat = await bundle('write-format');
if (!existsSync(tree)) {
  mkdirSync(tree, { recursive: true });
  await run(`${process.execPath} ${makeTree} ${tree} ${mebibytes}`);
}
for (const [format, peers] of chosen({ ...fileSystemPeers, ...rowPeers }))
  await measure(writeFormat, { format, source: tree, peers });
if (chosen(containerPeers).length > 0 || wanted.includes('none')) {
  // A disk without holes: the tree as ISO 9660.
  if (!existsSync(disk)) await run(fileSystemPeers.iso.xorriso({ tree, out: disk }));
  for (const [format, peers] of chosen(containerPeers))
    await measure(writeFormat, { format, source: disk, peers });
}
console.table(rows);
console.log(
  `load ${loadavg()[0].toFixed(0)}, Node ${process.versions.node}, ${rounds} rounds, the best counts`,
);
const missed = rows.filter(
  (row) =>
    row['peak MB'] > MAX_RESIDENT_MB ||
    row.ratio > (plain.has(row.format) ? MAX_RATIO.plain : MAX_RATIO.compressed),
);
if (missed.length > 0) {
  console.error(`goals missed by ${missed.map((row) => row.format).join(', ')}`);
  process.exit(1);
}

function readOptions() {
  const { words, input, rounds } = readWords(USAGE, { input: '', rounds: Infinity }, { words: Infinity });
  const [scale = 'small', ...wanted] = words;
  const mebibytes = { small: 60, large: 4096 }[scale];
  if (mebibytes === undefined) refuse(USAGE, `unknown size "${scale}"`);
  const known = { ...fileSystemPeers, ...containerPeers, ...rowPeers, none: {} };
  const unknown = wanted.find((format) => !Object.hasOwn(known, format));
  if (unknown !== undefined) refuse(USAGE, `unknown format "${unknown}"`);
  const own = scale === 'small' ? 3 : 2;
  return { mebibytes, wanted, rounds: rounds === Infinity ? own : rounds, input };
}

function chosen(peers) {
  return Object.entries(peers).filter(([format]) => wanted.length === 0 || wanted.includes(format));
}

/** Takes turns with the tools, and keeps the best of each. */
async function measure(program, { format, source, peers }) {
  process.stderr.write(`${format} …\n`);
  let own;
  const others = new Map();
  for (let i = 0; i < rounds; i++) {
    // What the output and what lies on the way to it take, for both alike.
    const room = Math.ceil(mebibytes * 1.15) + (rowPeers[format] === undefined ? 0 : 1024);
    const result = await run(`${node} ${program} ${format} ${source} ${out} ${room} ${settle}`);
    const ours = { ...JSON.parse(result.stdout), peakMb: result.peakMb };
    if (own === undefined || ours.seconds < own.seconds) own = ours;
    const size = BigInt(ours.outputBytes);
    const diskBytes = size + (1n << 25n) > DISK_BYTES ? size + (1n << 25n) : DISK_BYTES;
    rmSync(out);
    for (const [tool, words] of Object.entries(peers)) {
      mkdirSync(work);
      await run(`sh ${settle} ${folder} ${room} ${source}`);
      const other = await run(words({ tree, disk, out, work, size, diskBytes }));
      const known = others.get(tool);
      if (known === undefined || other.seconds < known.seconds)
        others.set(tool, { ...other, outputMb: statSync(out).size / 1e6 });
      rmSync(out);
      rmSync(work, { recursive: true });
    }
  }
  const [tool, best] = [...others].sort(([, a], [, b]) => a.seconds - b.seconds)[0];
  rows.push({
    format,
    seconds: round(own.seconds),
    'cpu s': round(own.cpuSeconds),
    'spooling s': round(own.spoolSeconds),
    'peak MB': Math.round(own.peakMb),
    'output MB': Math.round(own.outputBytes / 1e6),
    tool,
    'its seconds': round(best.seconds),
    'its cpu s': round(best.cpuSeconds),
    'its peak MB': Math.round(best.peakMb),
    'its output MB': Math.round(best.outputMb),
    ratio: round(own.seconds / best.seconds),
  });
  process.stderr.write(`  ${JSON.stringify(rows.at(-1))}\n`);
  for (const [name, other] of others)
    if (name !== tool) process.stderr.write(`  ${name}: ${round(other.seconds)} s\n`);
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
