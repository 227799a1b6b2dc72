import type { RunOptions, System } from './system/system.ts';

/**
 * Says something to whoever watches the machine. `/dev/console` is only one of the kernel's consoles, and with
 * several `console=` options rarely the one that is watched, so a line goes to every active one.
 */
export class Console {
  readonly #system: System;
  #devices: readonly string[] | undefined;

  constructor(system: System) {
    this.#system = system;
  }

  /** One line, with the time since the kernel started in the kernel's own form. */
  say(text: string): void {
    const seconds = (this.#system.time.uptimeMs() / 1000).toFixed(2).padStart(8);
    this.write(`[${seconds}] orlop: ${text}\n`);
  }

  /** Text as it stands, for the output of others. */
  write(text: string): void {
    const written = this.#activeDevices().filter((device) => this.#system.files.writeInPlace(device, text));
    if (written.length === 0) this.#system.files.writeInPlace('/dev/stderr', text);
  }

  /** For the output of child processes, which can go to one console only: the last one, a serial line if there is any. */
  forChildren(): RunOptions {
    const device = this.#activeDevices().at(-1);
    if (device === undefined || this.#system.files.status(device) === undefined) return {};
    return { stdout: { appendTo: device }, stderr: 'with-stdout' };
  }

  #activeDevices(): readonly string[] {
    // Before /sys is mounted there is no list; it is looked up again then.
    if (this.#devices !== undefined && this.#devices.length > 0) return this.#devices;
    const names = this.#system.files.read('/sys/class/tty/console/active')?.trim().split(/\s+/) ?? [];
    // The kernel lists tty0 for "the virtual terminal in front"; the device of that name is just that.
    this.#devices = names.filter((name) => name !== '').map((name) => `/dev/${name}`);
    return this.#devices.length > 0 ? this.#devices : ['/dev/console'];
  }
}
