import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { ContainerdRuntime } from './containerd-runtime.ts';
import { ServiceDaemon } from './daemon.ts';
import { RuncRuntime } from './runc-runtime.ts';

/** An hour: any long while does, since init's end ends this process too. */
const idleMs = 3_600_000;

/** Supervises the services under containerd where the image has it, and by runc otherwise. */
export function startSupervisor(system: System): void {
  if (system.files.status(paths.shuttingDown) !== undefined) {
    // init starts an ended supervisor again, also the one that a shutdown has ended.
    const idle = (): void => void system.time.after(idleMs, idle);
    system.processes.onSignal('TERM', () => {});
    idle();
    return;
  }
  const hasContainerd =
    system.files.status(paths.containerd) !== undefined && system.files.status(paths.ctr) !== undefined;
  new ServiceDaemon(system, hasContainerd ? new ContainerdRuntime(system) : new RuncRuntime(system)).run();
}
