import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { vmError } from '../errors.ts';
import { type MachineFolder, machineFiles } from '../machine-folder.ts';
import { findProcess, identifyProcess, type ProcessIdentity, signalProcess } from '../process-identity.ts';

const TIMEOUT_MS = 20_000;
const POLL_MS = 10;

/**
 * Ends the process of a start whose program was killed before it was through: nobody else has it, and it holds the disks.
 *
 * @throws OrlopError `vm.timeout`
 */
export async function endInterruptedStart(folder: MachineFolder): Promise<void> {
  const state = await folder.readState();
  if (state?.kind !== 'starting') return;
  // The program may have been killed between QEMU's start and the note of it.
  const left = state.process === undefined ? await findStarted(folder.path) : [state.process];
  for (const process of left) await end(process);
}

async function end(process: ProcessIdentity): Promise<void> {
  await signalProcess(process, 'SIGKILL');
  for (let waited = 0; (await findProcess(process)) === 'present'; waited += POLL_MS) {
    if (waited > TIMEOUT_MS)
      throw vmError('vm.timeout', `process ${process.pid} of an interrupted start does not end`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** QEMU's processes that were started in a machine's folder (proc_pid_cwd(5), proc_pid_cmdline(5)), whoever started them. */
async function findStarted(path: string): Promise<ProcessIdentity[]> {
  const folder = await realpath(path);
  const found: ProcessIdentity[] = [];
  for (const name of await readdir('/proc').catch(() => [])) {
    const place = join('/proc', name);
    // Others' processes cannot be looked at, and any may end meanwhile.
    if (!/^\d+$/.test(name) || (await readlink(join(place, 'cwd')).catch(() => '')) !== folder) continue;
    const words = (await readFile(join(place, 'cmdline'), 'utf8').catch(() => '')).split('\0');
    const identity = await identifyProcess(Number(name));
    if (identity !== undefined && words[words.indexOf('-pidfile') + 1] === machineFiles.pid)
      found.push(identity);
  }
  return found;
}
