import { loadModules } from '../boot/devices.ts';
import type { Console } from '../console.ts';
import { knownFileSystems, mount } from '../mounts.ts';
import { joinPath, paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import type { Problem } from './prepare.ts';

/**
 * Mounts /containers/volumes/NAME/merged, the folder that containers bind. A writable volume is its image under a
 * layer in memory. A read-only one is an overlay without a writable layer, which no remount can make writable: the
 * composer marks it by an empty file `readonly`, since it makes the folder `tmp` in any case.
 */
export function mountVolumes(system: System, console: Console): void {
  const names = system.files.list(paths.volumes);
  if (names.length > 0 && !knownFileSystems(system).has('overlay')) loadModules(system, ['overlay']);
  for (const name of names) {
    const folder = joinPath(paths.volumes, name);
    const [lower, temporary, merged] = ['lower', 'tmp', 'merged'].map((part) => joinPath(folder, part));
    if (lower === undefined || temporary === undefined || merged === undefined) continue;
    if (system.files.status(lower) === undefined || system.files.status(merged) === undefined) {
      console.say(`volume ${name} has no folder "lower" or no "merged", and is left alone`);
      continue;
    }
    const readOnly =
      system.files.status(joinPath(folder, 'readonly')) !== undefined ||
      system.files.status(temporary) === undefined;
    const problem = readOnly
      ? mountReadOnly(system, { lower, merged })
      : mountWritable(system, { lower, temporary, merged });
    console.say(
      problem === undefined
        ? `volume ${name} is ${readOnly ? 'read-only' : 'read-write'}`
        : `volume ${name} is NOT mounted: ${problem}`,
    );
  }
}

function mountReadOnly(
  system: System,
  folders: { readonly lower: string; readonly merged: string },
): Problem {
  // An overlay without an upper layer needs two lower ones; the second is a folder that is always empty.
  const empty = joinPath(paths.state, 'empty');
  system.files.makeFolder(empty);
  const options = ['ro', `lowerdir=${folders.lower}:${empty}`];
  return mount(system, { type: 'overlay', source: 'overlay', destination: folders.merged, options });
}

function mountWritable(
  system: System,
  folders: { readonly lower: string; readonly temporary: string; readonly merged: string },
): Problem {
  const { lower, temporary, merged } = folders;
  const problem = mount(system, { type: 'tmpfs', source: 'tmpfs', destination: temporary, options: [] });
  if (problem !== undefined) return problem;
  const [upper, work] = [joinPath(temporary, 'upper'), joinPath(temporary, 'work')];
  system.files.makeFolder(upper);
  system.files.makeFolder(work);
  const options = [`lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`];
  return mount(system, { type: 'overlay', source: 'overlay', destination: merged, options });
}
