#!/usr/bin/env node
/**
 * `sudo node bench/network/run.mjs [--seconds N] [--rounds N] [--mtu 1500,65520] [--peers orlop,slirp4netns,…]`: a
 * network namespace as the guest, the same clients for every peer, in one run. Minutes.
 * `sudo node bench/network/run.mjs scale`: how many connections, forwards and links.
 * `sudo node bench/network/run.mjs switch`: from one namespace to another on the same switch.
 * `node bench/network/run.mjs switch --qemu`: from one QEMU machine to another on the same switch.
 * `node bench/network/run.mjs soak [--minutes N]`: an hour of 50 guests in virtual time; what the tables hold after.
 * `sudo node bench/network/run.mjs linux`: our stack against Linux's over impaired links, a grid of throughputs.
 * `node bench/network/run.mjs guest [--mtu 1500,65520] …`: the same with a QEMU machine as the guest.
 */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

// What was started is ended with this process, however that ends.
process.setMaxListeners(100);
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => process.exit(130));

const programs = {
  scale: 'runScale',
  guest: 'runGuestBench',
  linux: 'runLinuxGrid',
  switch: 'runSwitchBench',
  soak: 'runSoak',
};
const [word = ''] = process.argv.slice(2);
const name = word in programs ? word : 'bench';
const folder = mkdtempSync(join(tmpdir(), 'orlop-bench-'));
try {
  // koffi, which is not bundled, is found beside the program.
  symlinkSync(join(import.meta.dirname, '..', '..', 'node_modules'), join(folder, 'node_modules'));
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
