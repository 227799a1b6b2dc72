#!/usr/bin/env node
/** Bundles one of the benchmarks here and runs it; see USAGE. */
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, transform } from 'esbuild';
import { readProgram } from '../read-words.mjs';
import { makeWorkFolder } from '../work-folder.mjs';

const COLUMNS = await readColumns();

const USAGE = `usage: node bench/network/run.mjs [PROGRAM] [OPTIONS]

  peers    a network namespace as the guest, the same clients for every peer, in one run. Minutes. Needs root
           --peers NAME,… (orlop,slirp4netns,gvproxy,pasta), --seconds N of a column (1), --rounds N (5)
  guest    the same with a QEMU machine as the guest
           --peers NAME,… (orlop,libslirp,gvproxy,passt), --seconds N (2), --rounds N (3)
  switch   from one namespace to another on the same switch. Needs root, but with --qemu, from machine to machine
           --seconds N (2)
  scale    how many connections, forwards and links. Needs root
  soak     an hour of 50 guests in virtual time; what the tables hold after
           --minutes N (60)
  linux    our stack against Linux's over impaired links, a grid of throughputs. Needs root

  --mtu N,…      of peers, guest and switch (1500,65520)
  --columns C,…  of peers and guest, all by default:
                 ${COLUMNS.map((name) => (name.includes(' ') ? `'${name}'` : name)).join(' ')}
  -h, --help     print this text`;

const mtu = [1500, 65_520];
const columns = COLUMNS;
const { name, values } = readProgram(USAGE, {
  peers: { peers: ['orlop', 'slirp4netns', 'gvproxy', 'pasta'], seconds: 1, rounds: 5, mtu, columns },
  guest: { peers: ['orlop', 'libslirp', 'gvproxy', 'passt'], seconds: 2, rounds: 3, mtu, columns },
  switch: { qemu: false, seconds: 2, mtu },
  scale: {},
  soak: { minutes: 60 },
  linux: {},
});

// Each program that was started is ended by a listener of its own when this process exits.
process.setMaxListeners(100);

const programs = {
  peers: ['bench', 'runBench'],
  guest: ['guest', 'runGuestBench'],
  switch: ['switch', 'runSwitchBench'],
  scale: ['scale', 'runScale'],
  soak: ['soak', 'runSoak'],
  linux: ['linux', 'runLinuxGrid'],
};
const [file, entry] = programs[name];
const folder = makeWorkFolder('network');
// koffi, which is not bundled, is found beside the program.
symlinkSync(join(import.meta.dirname, '..', '..', 'node_modules'), join(folder, 'node_modules'));
const outfile = join(folder, 'bench.mjs');
await build({
  entryPoints: [join(import.meta.dirname, `${file}.ts`)],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  logLevel: 'warning',
});
const program = await import(pathToFileURL(outfile).href);
const repository = join(import.meta.dirname, '..', '..');
await program[entry]({ repository, folder, values });

/** Node reads no TypeScript by itself, and what may be asked for is to be known before anything is bundled. */
async function readColumns() {
  const text = readFileSync(join(import.meta.dirname, 'columns.ts'), 'utf8');
  const { code } = await transform(text, { loader: 'ts', format: 'esm' });
  const { COLUMNS: columns } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  return [...columns];
}
