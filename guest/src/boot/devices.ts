import type { Console } from '../console.ts';
import { paths } from '../paths.ts';
import { type LaunchedProcess, type System, succeeded } from '../system/system.ts';

/** Buses may bring up further buses (a controller its disks); so deep is the deepest chain in a common machine. */
const maxRounds = 4;

/**
 * Loads the kernel modules for the machine's devices, by the aliases that the kernel publishes in sysfs. Each round is
 * one `modprobe` for all aliases that are new since the round before: it reads the module tables once, and a process
 * for each device would cost an emulated machine seconds.
 *
 * The first round runs beside the rest of the boot; {@link DeviceDiscovery.finish} waits for it and runs the others.
 */
export class DeviceDiscovery {
  readonly #system: System;
  readonly #console: Console;
  readonly #seen = new Set<string>();
  #launched: LaunchedProcess | undefined;

  constructor(system: System, console: Console) {
    this.#system = system;
    this.#console = console;
  }

  /** Starts the first round, which takes most of the time, and leaves it running. Names are for what no device asks for. */
  begin(alsoByName: readonly string[] = []): void {
    const release = this.#system.files.read('/proc/sys/kernel/osrelease')?.trim() ?? '';
    // A kernel without modules, or an image whose kernel has none for it: devices work by the kernel alone.
    if (this.#system.files.status(`/lib/modules/${release}/modules.dep`) === undefined) return;
    this.#launched = this.#launch(alsoByName);
  }

  /** Waits, and loads until no device asks for a module that was not tried yet. */
  finish(): void {
    for (let round = 0; round < maxRounds && this.#launched !== undefined; round += 1) {
      const ending = this.#launched.wait();
      if (ending.kind === 'killed') this.#console.say(`modprobe was killed by signal ${ending.signal}`);
      this.#launched = this.#launch();
    }
    this.#launched?.wait();
    this.#launched = undefined;
  }

  #launch(alsoByName: readonly string[] = []): LaunchedProcess | undefined {
    const aliases = [...this.#newAliases(), ...alsoByName];
    if (aliases.length === 0) return undefined;
    return this.#system.processes.launch([paths.modprobe, '-abq', ...aliases], { stderr: 'null' });
  }

  #newAliases(): readonly string[] {
    const { files } = this.#system;
    const aliases: string[] = [];
    const take = (path: string): void => {
      const alias = files.read(path)?.trim() ?? '';
      if (alias === '' || this.#seen.has(alias)) return;
      this.#seen.add(alias);
      aliases.push(alias);
    };
    for (const bus of files.list('/sys/bus')) {
      for (const device of files.list(`/sys/bus/${bus}/devices`))
        take(`/sys/bus/${bus}/devices/${device}/modalias`);
    }
    // Input devices (the power button among them) are a class without a bus.
    for (const input of files.list('/sys/class/input')) take(`/sys/class/input/${input}/modalias`);
    return aliases;
  }
}

/** Loads modules by name, for what no device asks for. */
export function loadModules(system: System, names: readonly string[]): boolean {
  return succeeded(system.processes.run([paths.modprobe, '-abq', ...names], { stderr: 'null' }));
}
