import { Console } from '../console.ts';
import { asRecord, asText, type Bundle, listBundles } from '../container/bundle.ts';
import { joinPath, paths } from '../paths.ts';
import { LineSplitter, lastLines } from '../system/line-splitter.ts';
import type { System } from '../system/system.ts';
import { rotateLog, serviceLogs } from './log-files.ts';
import { parseServiceOptions, type ServiceOptions } from './options.ts';
import { watchPowerButton } from './power-button.ts';
import type { ServiceRuntime } from './runtime.ts';
import { printServiceStatus } from './status-file.ts';
import { Supervisor } from './supervisor.ts';
import type { SupervisorAction, SupervisorEvent } from './supervisor-messages.ts';

const rotationIntervalMs = 2000;
const shownLines = 15;

interface ManagedService {
  readonly bundle: Bundle;
  readonly options: ServiceOptions;
}

/**
 * The supervisor's connection to the machine: gives it events (ends of processes, requests, time, signals), does its
 * actions, publishes its state. Owns the one timer.
 */
export class ServiceDaemon {
  readonly #system: System;
  readonly #console: Console;
  readonly #runtime: ServiceRuntime;
  readonly #services: ReadonlyMap<string, ManagedService>;
  readonly #supervisor: Supervisor;
  #cancelTimer = (): void => {};
  #published = '';
  #lastRequest = '';

  constructor(system: System, runtime: ServiceRuntime) {
    this.#system = system;
    this.#console = new Console(system);
    this.#runtime = runtime;
    this.#services = new Map(
      listBundles(system, 'services').map((bundle) => {
        const options = parseServiceOptions(system.files.read(joinPath(bundle.folder, 'orlop.json')));
        return [bundle.name, { bundle, options }];
      }),
    );
    this.#supervisor = new Supervisor(
      [...this.#services].map(([name, { options }]) => ({ name, options })),
      system.files.status(paths.bootStopped) === undefined ? 'start-all' : 'start-none',
    );
  }

  /** Returns at once; the program's event loop does the rest. */
  run(): void {
    const { files, processes } = this.#system;
    files.makeFolder(paths.state, 0o700);
    files.write(paths.supervisorProcess, `${processes.ownPid}\n`, { mode: 0o600 });
    processes.onSignal('TERM', () => this.#feed({ kind: 'stop-all' }));
    processes.onSignal('INT', () => {});
    this.#openRequests();
    const pressed = (): void => {
      this.#console.say('the power button was pressed');
      this.#powerOff();
    };
    watchPowerButton(this.#system, pressed);
    if (files.status(paths.powerPressed) !== undefined) pressed();
    this.#publish();
    this.#rotateLogs();
    if (this.#services.size === 0) {
      this.#console.say('no services in this image');
      return;
    }
    if (files.status(paths.bootStopped) !== undefined)
      this.#console.say('the boot was stopped: no service is started');
    this.#runtime.open(() => {
      this.#console.say(`starting ${this.#services.size} services under ${this.#runtime.name}`);
      this.#poll();
    });
  }

  #feed(event: SupervisorEvent): void {
    this.#supervisor.receive(event, this.#system.time.uptimeMs(), (action) => this.#perform(action));
    this.#settle();
  }

  #poll(): void {
    this.#supervisor.poll(this.#system.time.uptimeMs(), (action) => this.#perform(action));
    this.#settle();
  }

  /** After every change: tell the world, and set the timer anew. */
  #settle(): void {
    this.#publish();
    this.#cancelTimer();
    const dueMs = this.#supervisor.pollAt();
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#system.time.after(Math.max(0, dueMs - this.#system.time.uptimeMs()), () =>
      this.#poll(),
    );
  }

  #perform(action: SupervisorAction): void {
    switch (action.kind) {
      case 'start':
        this.#start(action.name);
        return;
      case 'signal':
        if (action.pid > 0) this.#system.processes.signal(action.pid, action.signal);
        return;
      case 'check':
        this.#check(action.name);
        return;
      case 'report':
        this.#console.say(`service ${action.name} ${action.text}`);
        return;
      case 'show-log':
        this.#showLog(action.name);
        return;
      case 'report-failure':
        this.#console.say(
          `service ${action.name} FAILED with exit status ${action.exitStatus}; its last lines:`,
        );
        this.#showLog(action.name);
        return;
      case 'poweroff':
        this.#powerOff();
        return;
      case 'all-stopped':
        this.#runtime.close(() => {
          this.#publish();
          this.#system.processes.exit(0);
        });
        return;
    }
  }

  #start(name: string): void {
    const service = this.#services.get(name);
    if (service === undefined) return;
    this.#runtime.start(service.bundle, {
      started: (pid) => {
        this.#console.say(`service ${name} started (pid ${pid})`);
        this.#feed({ kind: 'started', name, pid });
      },
      ended: (exitStatus) => this.#feed({ kind: 'ended', name, exitStatus }),
    });
  }

  #check(name: string): void {
    const service = this.#services.get(name);
    if (service?.options.health === undefined) return;
    this.#runtime.check(service.bundle, service.options.health, (healthy) =>
      this.#feed({ kind: 'checked', name, healthy }),
    );
  }

  #showLog(name: string): void {
    const logs = serviceLogs(name);
    for (const log of [logs.out, logs.error]) {
      for (const line of lastLines(this.#system.files.readEnd(log, 16_384), shownLines))
        this.#console.write(`    ${line}\n`);
    }
  }

  #powerOff(): void {
    // Whoever asks first is heard: a second shutdown beside the first would only disturb it.
    if (this.#system.files.status(paths.shuttingDown) !== undefined) return;
    this.#system.processes.start([paths.shutdownProgram, 'poweroff'], {}, () => {});
  }

  #publish(): void {
    const text = printServiceStatus({
      runtime: this.#runtime.name,
      lastRequest: this.#lastRequest,
      services: this.#supervisor.snapshot(),
    });
    if (text === this.#published) return;
    this.#published = text;
    this.#system.files.write(paths.serviceStatus, text);
  }

  #rotateLogs(): void {
    for (const name of this.#services.keys()) {
      const logs = serviceLogs(name);
      rotateLog(this.#system, logs.out);
      rotateLog(this.#system, logs.error);
    }
    rotateLog(this.#system, joinPath(paths.logs, 'containerd.log'));
    this.#system.time.after(rotationIntervalMs, () => this.#rotateLogs());
  }

  /** Requests come as lines of JSON through a fifo that only root may write. */
  #openRequests(): void {
    const { files, processes } = this.#system;
    if (files.status(paths.requests)?.kind !== 'fifo') {
      processes.run([paths.busybox, 'mkfifo', '-m', '600', paths.requests]);
    }
    const splitter = new LineSplitter((line) => this.#takeRequest(line));
    files.watch(paths.requests, (bytes) => splitter.push(String.fromCharCode(...bytes)));
  }

  #takeRequest(line: string): void {
    const request = parseRequest(line);
    if (request === undefined) return;
    this.#lastRequest = request.id;
    this.#feed({ kind: request.action, name: request.name });
  }
}

export type RequestAction = 'start' | 'stop' | 'restart';

export interface ServiceRequest {
  readonly id: string;
  readonly action: RequestAction;
  readonly name: string;
}

/** Undefined for anything that is no request: the fifo is no place for answers. */
function parseRequest(line: string): ServiceRequest | undefined {
  try {
    const request = asRecord(JSON.parse(line));
    const action = (['start', 'stop', 'restart'] as const).find((known) => known === request['action']);
    const [id, name] = [asText(request['id']), asText(request['name'])];
    return action === undefined || id === '' || name === '' ? undefined : { id, action, name };
  } catch {
    return undefined;
  }
}
