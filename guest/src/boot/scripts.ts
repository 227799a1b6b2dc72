import type { Console } from '../console.ts';
import { joinPath, paths } from '../paths.ts';
import { playRole, roleOf } from '../service-roles.ts';
import { exitStatusOf, type System, succeeded } from '../system/system.ts';

/**
 * Runs every regular file of a folder (links followed) in the order of names, each to its end. Links to our own
 * `service` are played within this process: another QuickJS for each would cost an emulated machine a tenth of a second.
 */
export function runScripts(options: {
  readonly system: System;
  readonly console: Console;
  readonly folder: string;
  /** Looked at before each script. @default always go on */
  readonly goOn?: () => boolean;
}): void {
  const { system, console, folder, goOn = () => true } = options;
  for (const name of system.files.list(folder)) {
    const script = joinPath(folder, name);
    if (system.files.status(script)?.kind !== 'file') continue;
    if (!goOn()) return;
    const role = system.files.readLink(script) === paths.serviceProgram ? roleOf(script) : undefined;
    if (role !== undefined) {
      playRole(system, role);
      continue;
    }
    const ending = system.processes.run([script], console.forChildren());
    if (!succeeded(ending)) console.say(`${script} ended with status ${exitStatusOf(ending)}`);
  }
}
