import type { Bundle } from '../container/bundle.ts';
import { needsPreparedProcess, writeRunnableBundle } from '../container/prepare.ts';
import { runc } from '../container/runc.ts';
import { joinPath, paths } from '../paths.ts';
import { exitStatusOf, type System, succeeded } from '../system/system.ts';
import { serviceLogs } from './log-files.ts';
import type { HealthCheck } from './options.ts';
import { prepareOnce } from './prepared.ts';
import { notStartedStatus, type ServiceListener, type ServiceRuntime } from './runtime.ts';

/** How often to look whether runc has written the container's pid: it has no other way to say that it has started. */
const pidFilePollMs = 50;

/** Services as children of runc, which stays in front of each, hands signals on and ends with its exit status. */
export class RuncRuntime implements ServiceRuntime {
  readonly name = 'runc';
  readonly #system: System;

  constructor(system: System) {
    this.#system = system;
  }

  open(ready: () => void): void {
    this.#system.files.makeFolder(paths.processes, 0o700);
    ready();
  }

  start(bundle: Bundle, listener: ServiceListener): void {
    const { files, processes, time } = this.#system;
    const logs = serviceLogs(bundle.name);
    const problem = prepareOnce(this.#system, bundle);
    if (problem !== undefined) {
      files.append(logs.error, `${problem}\n`);
      time.after(0, () => listener.ended(notStartedStatus));
      return;
    }
    // What an earlier supervisor left running has nobody who waits for it.
    if (files.status(joinPath(paths.runcState, bundle.name)) !== undefined) {
      processes.run([...runc, 'delete', '--force', bundle.name], { stdout: 'null', stderr: 'null' });
    }
    const pidFile = joinPath(paths.processes, bundle.name);
    files.remove(pidFile);
    const folder = needsPreparedProcess(bundle) ? writeRunnableBundle(this.#system, bundle) : bundle.folder;
    const output = { stdout: { appendTo: logs.out }, stderr: { appendTo: logs.error } };
    let cancelPoll = (): void => {};
    processes.start(
      [...runc, 'run', '--bundle', folder, '--pid-file', pidFile, bundle.name],
      output,
      (ending) => {
        cancelPoll();
        files.remove(pidFile);
        listener.ended(exitStatusOf(ending));
      },
    );
    const poll = (): void => {
      const pid = readPid(this.#system, pidFile);
      if (pid === undefined) cancelPoll = time.after(pidFilePollMs, poll);
      else listener.started(pid);
    };
    cancelPoll = time.after(pidFilePollMs, poll);
  }

  check(bundle: Bundle, check: HealthCheck, checked: (healthy: boolean) => void): void {
    const { files, processes, time } = this.#system;
    const pidFile = joinPath(paths.processes, `${bundle.name}.check`);
    files.remove(pidFile);
    const cancel = time.after(check.timeoutMs, () => {
      // Before there is a process of the command, runc itself is what does not answer.
      const pid = readPid(this.#system, pidFile) ?? client.pid;
      if (pid > 0) processes.signal(pid, 'KILL');
    });
    const client = processes.start(
      [...runc, 'exec', '--pid-file', pidFile, bundle.name, ...check.command],
      { stdout: 'null', stderr: 'null' },
      (ending) => {
        cancel();
        files.remove(pidFile);
        checked(succeeded(ending));
      },
    );
  }

  close(closed: () => void): void {
    closed();
  }
}

/** The number in a pid file; undefined where there is none yet. */
export function readPid(system: System, path: string): number | undefined {
  const pid = Number(system.files.read(path)?.trim() || Number.NaN);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}
