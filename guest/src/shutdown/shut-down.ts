import { runScripts } from '../boot/scripts.ts';
import { Console } from '../console.ts';
import { mountedFileSystems, unmount } from '../mounts.ts';
import { paths } from '../paths.ts';
import { readPid } from '../services/runc-runtime.ts';
import type { SignalName, System } from '../system/system.ts';

/** `noop`: busybox's init goes on to end the machine by itself. */
export type ShutdownAction = 'poweroff' | 'reboot' | 'halt' | 'noop';

/** Services may take ten seconds before they are killed, and those that depend on each other take turns. */
const serviceTimeoutMs = 30_000;
/** LinuxKit's figure for everything else. */
const processTimeoutMs = 5000;
const pollMs = 50;

/** File systems that must be whole on their disk, or whose server waits. */
const localTypes = new Set(['ext2', 'ext3', 'ext4', 'btrfs', 'xfs', 'vfat', 'exfat', 'f2fs', 'overlay']);
const networkTypes = new Set(['nfs', 'nfs4', 'cifs', 'smb3', '9p', 'virtiofs']);

/** Brings the machine down in order: hooks, services, other processes, file systems, power. */
export function shutDown(system: System, action: ShutdownAction): void {
  const { files, processes } = system;
  const console = new Console(system);
  if (files.status(paths.shuttingDown) !== undefined) {
    console.say(`${action}: the machine is already going down`);
    return;
  }
  files.makeFolder(paths.state, 0o700);
  files.write(paths.shuttingDown, `${action}\n`);
  console.say(`going down (${action})`);
  runScripts({ system, console, folder: paths.shutdownScripts });
  stopServices(system, console);
  endProcesses(system, 'TERM');
  processes.run([paths.busybox, 'sync']);
  endProcesses(system, 'KILL');
  unmountAll(system);
  processes.run([paths.busybox, 'sync']);
  if (action === 'noop') return;
  console.say(action === 'reboot' ? 'restarting' : 'powering off');
  processes.run([paths.busybox, action, '-f']);
}

function stopServices(system: System, console: Console): void {
  const supervisor = readPid(system, paths.supervisorProcess);
  if (supervisor === undefined || !system.processes.signal(supervisor, 'TERM')) return;
  const deadlineMs = system.time.uptimeMs() + serviceTimeoutMs;
  while (system.processes.signal(supervisor, 0)) {
    if (system.time.uptimeMs() >= deadlineMs) {
      console.say('some services did not end in time');
      return;
    }
    system.time.pause(pollMs);
  }
  console.say('all services have ended');
}

/** Signals every process but the first and this one, and waits until none is left, or long enough. */
function endProcesses(system: System, signal: SignalName): void {
  if (!system.processes.signal(-1, signal)) return;
  const deadlineMs = system.time.uptimeMs() + processTimeoutMs;
  while (hasOtherProcesses(system) && system.time.uptimeMs() < deadlineMs) system.time.pause(pollMs);
}

function hasOtherProcesses(system: System): boolean {
  const own = String(system.processes.ownPid);
  return system.files.list('/proc').some((name) => {
    if (!/^\d+$/.test(name) || name === '1' || name === own) return false;
    // Threads of the kernel have no command line; neither has a process that only waits to be collected.
    return (system.files.read(`/proc/${name}/cmdline`) ?? '') !== '' && !isIdleSupervisor(system, name);
  });
}

/** init starts the supervisor again when it has ended; during a shutdown that one only waits. */
function isIdleSupervisor(system: System, pid: string): boolean {
  return (system.files.read(`/proc/${pid}/cmdline`) ?? '').split('\0').includes('supervise');
}

/** Last mounted first, so that what lies inside goes before what it lies in. */
function unmountAll(system: System): void {
  for (const { destination, type } of mountedFileSystems(system).toReversed()) {
    if (destination === '/') continue;
    if (localTypes.has(type)) unmount(system, destination);
    else if (networkTypes.has(type)) unmount(system, destination, 'lazily');
  }
}
