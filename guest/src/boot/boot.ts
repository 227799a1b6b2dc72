import { Console } from '../console.ts';
import { parseKernelOptions } from '../kernel-command-line.ts';
import { paths } from '../paths.ts';
import { readRelease } from '../release.ts';
import { rememberPowerButton } from '../services/power-button.ts';
import type { System } from '../system/system.ts';
import { recordBootStep } from './boot-record.ts';
import { DeviceDiscovery } from './devices.ts';
import { prepareResolvConf, raiseLoopback, setClock, setHostname } from './host.ts';
import { mountKernelFileSystems, mountProc, mountRootFileSystems } from './root-file-systems.ts';
import { runScripts } from './scripts.ts';

/**
 * What `rc.init` does, from a bare kernel to the last script of /etc/init.d. In a container (the `docker` format)
 * the host has done all but the scripts.
 */
export function boot(system: System): 'machine' | 'container' {
  const where = system.files.status('/proc/self') === undefined ? 'machine' : 'container';
  const console = new Console(system);
  let endWatch = (): void => {};
  if (where === 'machine') {
    mountProc(system);
    const startedMs = system.time.uptimeMs();
    mountRootFileSystems(system);
    const devices = new DeviceDiscovery(system, console);
    // Overlays carry every writable container; evdev carries the power button.
    devices.begin(['overlay', 'evdev']);
    greet(system, console);
    mountKernelFileSystems(system, parseKernelOptions(system.files.read(paths.commandLine) ?? '').cgroups);
    raiseLoopback(system);
    devices.finish();
    endWatch = rememberPowerButton(system);
    setClock(system);
    setHostname(system);
    prepareResolvConf(system);
    recordBootStep(system, { name: 'machine', startedMs, endedMs: system.time.uptimeMs(), status: 0 });
    console.say('machine is set up');
  } else {
    system.files.makeFolder(paths.state, 0o700);
  }
  runScripts({
    system,
    console,
    folder: paths.bootScripts,
    goOn: () => system.files.status(paths.bootStopped) === undefined,
  });
  endWatch();
  return where;
}

function greet(system: System, console: Console): void {
  const kernel = system.files.read('/proc/sys/kernel/osrelease')?.trim() ?? 'unknown';
  console.say(`Welcome to Orlop ${readRelease(system).version} (Linux ${kernel})`);
}
