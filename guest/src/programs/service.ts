#!/usr/bin/qjs -m
import { Console } from '../console.ts';
import { runOneShots } from '../container/one-shot.ts';
import { prepareHookProcess } from '../container/prepare-hook.ts';
import { mountVolumes } from '../container/volumes.ts';
import { baseName, paths } from '../paths.ts';
import { runServiceCommand } from '../services/service-command.ts';
import { startSupervisor } from '../services/start-supervisor.ts';
import { std } from '../system/quickjs.ts';
import { quickJsSystem } from '../system/quickjs-system.ts';

// /usr/bin/service. /etc/init.d/005-volumes, 010-onboot, 020-containerd and /etc/shutdown.d/010-onshutdown are
// symbolic links to it, and the link's name says what to do (linuxkit.md §2.4).
const system = quickJsSystem();
const calledAs = baseName(scriptArgs[0] ?? '');
const words = scriptArgs.slice(1);
const role =
  ['volumes', 'onboot', 'onshutdown', 'containerd'].find((name) => calledAs.includes(name)) ?? words[0];

switch (role) {
  case 'volumes':
    mountVolumes(system, new Console(system));
    break;
  case 'onboot': {
    const outcome = runOneShots(system, 'onboot');
    if (outcome === 'done') break;
    system.files.write(paths.bootStopped, `${outcome}\n`);
    if (outcome === 'poweroff') system.processes.start([paths.shutdownProgram, 'poweroff'], {}, () => {});
    break;
  }
  case 'onshutdown':
    runOneShots(system, 'onshutdown');
    break;
  case 'containerd':
  case 'system-init':
    // The supervisor, which init starts after all scripts, brings containerd up itself.
    break;
  case 'supervise':
    startSupervisor(system);
    break;
  case 'prepare-process':
    system.processes.exit(prepareHookProcess(system, { kind: words[1] ?? '', name: words[2] ?? '' }));
    break;
  default: {
    const { status, output, error } = runServiceCommand(system, words);
    std.out.puts(output);
    std.err.puts(error);
    std.out.flush();
    system.processes.exit(status);
  }
}
