import { silentLogger } from '@orlop/core';
import { QemuDriver } from '../qemu/driver.ts';

/** A program of its own for the test that kills it: starts a machine bound to itself, prints its process, stays. */
const [folder = '', disk = '', released = ''] = process.argv.slice(2);
const driver = new QemuDriver({
  clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
  random: { fill: () => {}, u32: () => 0 },
  logger: silentLogger,
  searchPath: process.env['PATH'] ?? '',
});
const spec = {
  ...{ name: 'tiny', arch: 'amd64' as const, cpus: 1, memoryMiB: 16 },
  boot: { kind: 'disk' as const, path: disk, format: 'raw' as const },
  ...{ disks: [], cdroms: [], networks: [], channels: [], shares: [] },
};
const machine = await driver.start(spec, { folder, accelerator: 'tcg', paused: true, bound: true });
if (released === 'released') machine.release();
const state = await machine.state();
process.stdout.write(`${state.kind === 'running' ? state.process.pid : 0}\n`);
process.stdin.resume();
