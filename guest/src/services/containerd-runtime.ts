import type { Bundle } from '../container/bundle.ts';
import { writeRunnableBundle } from '../container/prepare.ts';
import { joinPath, paths } from '../paths.ts';
import { type System, succeeded } from '../system/system.ts';
import { parseDeletedStatus, parseTaskExit } from './containerd-events.ts';
import { parseContainerdOptions } from './containerd-options.ts';
import { serviceLogs } from './log-files.ts';
import type { HealthCheck } from './options.ts';
import { prepareOnce } from './prepared.ts';
import { readPid } from './runc-runtime.ts';
import { notStartedStatus, type ServiceListener, type ServiceRuntime } from './runtime.ts';

const socketPollMs = 50;
/** Events may be missed while `ctr events` itself starts or restarts; so often the processes themselves are looked at. */
const livenessPollMs = 2000;
/** A containerd that ends is started again after a pause, so that a broken one does not take the machine's time. */
const restartPauseMs = 1000;

interface LiveTask {
  readonly bundle: Bundle;
  readonly listener: ServiceListener;
  /** 0 until `ctr run` has come back. */
  pid: number;
  /** The status of an end that was told before the start was. */
  early: number | undefined;
}

/**
 * Services as containerd's containers. Each is started by a short-lived `ctr run --detach`; one `ctr events` tells of
 * every end. Nothing of ours stays in front of a service, so containerd and the services survive a supervisor's end.
 */
export class ContainerdRuntime implements ServiceRuntime {
  readonly name = 'containerd';
  readonly #system: System;
  readonly #tasks = new Map<string, LiveTask>();
  #phase: 'opening' | 'open' | 'closing' = 'opening';
  #daemonPid = -1;
  #eventsPid = -1;
  #checks = 0;
  #closed = (): void => {};

  constructor(system: System) {
    this.#system = system;
  }

  open(ready: () => void): void {
    const { files } = this.#system;
    files.makeFolder(paths.processes, 0o700);
    this.#startDaemon();
    const poll = (): void => {
      if (files.status(paths.containerdSocket) === undefined) {
        this.#system.time.after(socketPollMs, poll);
        return;
      }
      this.#phase = 'open';
      this.#watchLiveness();
      ready();
    };
    poll();
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
    const folder = writeRunnableBundle(this.#system, bundle);
    const pidFile = joinPath(paths.processes, bundle.name);
    // A mark that stands means that a supervisor before this one may have left a container of that name.
    const stale = files.status(pidFile) !== undefined && !this.#tasks.has(bundle.name);
    if (stale) this.#removeContainer(bundle);
    files.remove(pidFile);
    const task: LiveTask = { bundle, listener, pid: 0, early: undefined };
    this.#tasks.set(bundle.name, task);
    const command = [
      ...ctr(bundle),
      'run',
      '--detach',
      '--config',
      joinPath(folder, 'config.json'),
      '--pid-file',
      pidFile,
      '--log-uri',
      `binary://${paths.streamLogger}`,
      bundle.name,
    ];
    processes.start(command, { stdout: 'null', stderr: { appendTo: logs.error } }, (ending) => {
      // Only now: before the first service runs, a second large program would only be in its way.
      if (this.#eventsPid < 0) this.#followEvents();
      const pid = readPid(this.#system, pidFile);
      if (!succeeded(ending) || pid === undefined) {
        this.#finish(task, notStartedStatus);
        return;
      }
      task.pid = pid;
      listener.started(pid);
      if (task.early !== undefined) this.#finish(task, task.early);
    });
  }

  check(bundle: Bundle, check: HealthCheck, checked: (healthy: boolean) => void): void {
    const { processes, time } = this.#system;
    this.#checks += 1;
    const id = `check-${this.#checks}`;
    const quiet = { stdout: 'null', stderr: 'null' } as const;
    let cancel = time.after(check.timeoutMs, () => {
      const kill = [...ctr(bundle), 'task', 'kill', '--signal', 'SIGKILL', '--exec-id', id, bundle.name];
      processes.start(kill, quiet, () => {});
      // Where containerd itself does not answer, the one who asks it is given up.
      cancel = time.after(check.timeoutMs, () => {
        if (client.pid > 0) processes.signal(client.pid, 'KILL');
      });
    });
    const client = processes.start(
      [...ctr(bundle), 'task', 'exec', '--exec-id', id, bundle.name, ...check.command],
      quiet,
      (ending) => {
        cancel();
        checked(succeeded(ending));
      },
    );
  }

  close(closed: () => void): void {
    this.#phase = 'closing';
    this.#closed = closed;
    if (this.#eventsPid > 0) this.#system.processes.signal(this.#eventsPid, 'TERM');
    if (this.#daemonPid <= 0 || !this.#system.processes.signal(this.#daemonPid, 'TERM')) closed();
  }

  /** Reuses a containerd that an earlier supervisor has started and that still lives. */
  #startDaemon(): void {
    const { files, processes } = this.#system;
    const pidFile = joinPath(paths.processes, '.containerd');
    const left = readPid(this.#system, pidFile);
    if (left !== undefined && processes.signal(left, 0)) {
      this.#daemonPid = left;
      this.#watchAdopted(left);
      return;
    }
    files.remove(paths.containerdSocket);
    const options = parseContainerdOptions(
      files.read(paths.containerdOptions) ?? '',
      joinPath(paths.logs, 'containerd.log'),
    );
    const { pid } = processes.start(
      [paths.containerd, ...options.arguments],
      { stdout: { appendTo: options.stdout }, stderr: { appendTo: options.stderr } },
      () => this.#daemonEnded(),
    );
    this.#daemonPid = pid;
    files.write(pidFile, `${pid}\n`);
  }

  /** It is no child of this supervisor, so nobody tells of its end. */
  #watchAdopted(pid: number): void {
    if (this.#system.processes.signal(pid, 0))
      this.#system.time.after(livenessPollMs, () => this.#watchAdopted(pid));
    else this.#daemonEnded();
  }

  #daemonEnded(): void {
    if (this.#phase === 'closing') this.#closed();
    else this.#system.time.after(restartPauseMs, () => this.#startDaemon());
  }

  #followEvents(): void {
    const { pid } = this.#system.processes.follow([paths.ctr, 'events'], {
      line: (line) => {
        const exit = parseTaskExit(line);
        if (exit !== undefined) this.#taskEnded(exit.container, exit.exitStatus);
      },
      ended: () => {
        if (this.#phase !== 'closing') this.#system.time.after(restartPauseMs, () => this.#followEvents());
      },
    });
    this.#eventsPid = pid;
  }

  #taskEnded(name: string, exitStatus: number): void {
    const task = this.#tasks.get(name);
    if (task === undefined) return;
    if (task.pid === 0) task.early = exitStatus;
    else this.#finish(task, exitStatus);
  }

  #watchLiveness(): void {
    for (const task of [...this.#tasks.values()]) {
      if (task.pid <= 0 || this.#system.processes.signal(task.pid, 0)) continue;
      // Its end was not told: ask for the status.
      const { output } = this.#system.processes.capture(
        [...ctr(task.bundle), 'task', 'delete', task.bundle.name],
        {
          stderr: 'with-stdout',
        },
      );
      this.#finish(task, parseDeletedStatus(output));
    }
    if (this.#phase !== 'closing') this.#system.time.after(livenessPollMs, () => this.#watchLiveness());
  }

  /** Frees the name before the end is told, since a restart may follow at once. */
  #finish(task: LiveTask, exitStatus: number): void {
    if (this.#tasks.get(task.bundle.name) !== task) return;
    this.#tasks.delete(task.bundle.name);
    this.#system.files.remove(joinPath(paths.processes, task.bundle.name));
    this.#system.processes.start(
      [...ctr(task.bundle), 'container', 'delete', task.bundle.name],
      { stdout: 'null', stderr: 'null' },
      () => task.listener.ended(exitStatus),
    );
  }

  #removeContainer(bundle: Bundle): void {
    const quiet = { stdout: 'null', stderr: 'null' } as const;
    this.#system.processes.run([...ctr(bundle), 'task', 'delete', '--force', bundle.name], quiet);
    this.#system.processes.run([...ctr(bundle), 'container', 'delete', bundle.name], quiet);
  }
}

function ctr(bundle: Bundle): readonly string[] {
  return [paths.ctr, '--namespace', bundle.runtime.namespace];
}
