import { Console } from './console.ts';
import { runOneShots } from './container/one-shot.ts';
import { mountVolumes } from './container/volumes.ts';
import { baseName, paths } from './paths.ts';
import type { System } from './system/system.ts';

/** The steps of boot and shutdown that stand as links to /usr/bin/service in /etc/init.d and /etc/shutdown.d. */
export type ServiceRole = 'volumes' | 'onboot' | 'onshutdown' | 'containerd';

const roles: readonly ServiceRole[] = ['volumes', 'onboot', 'onshutdown', 'containerd'];

/** The role that a link's name asks for (`010-onboot`), as LinuxKit's own `service` reads it (linuxkit.md §2.4). */
export function roleOf(calledAs: string): ServiceRole | undefined {
  const name = baseName(calledAs);
  return roles.find((role) => name.includes(role));
}

export function playRole(system: System, role: ServiceRole): void {
  switch (role) {
    case 'volumes':
      mountVolumes(system, new Console(system));
      return;
    case 'onboot': {
      const outcome = runOneShots(system, 'onboot');
      if (outcome === 'done') return;
      system.files.write(paths.bootStopped, `${outcome}\n`);
      if (outcome === 'poweroff') system.processes.start([paths.shutdownProgram, 'poweroff'], {}, () => {});
      return;
    }
    case 'onshutdown':
      runOneShots(system, 'onshutdown');
      return;
    case 'containerd':
      // The supervisor, which init starts after all scripts, brings containerd up itself.
      return;
  }
}
