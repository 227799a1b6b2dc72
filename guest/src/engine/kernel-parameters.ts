import { joinPath } from '../paths.ts';
import type { System } from '../system/system.ts';

const folder = '/etc/sysctl.d';

/**
 * Sets what the lines `name = value` of /etc/sysctl.d say (sysctl.d(5)), in the order of the files' names. The
 * component `sysctl` does the same; another container would cost an emulated machine more than a second of its start.
 *
 * @returns the names that the kernel refused, those with a dash before them excepted
 */
export function setKernelParameters(system: System): readonly string[] {
  const refused: string[] = [];
  for (const file of system.files.list(folder).filter((name) => name.endsWith('.conf'))) {
    for (const line of (system.files.read(joinPath(folder, file)) ?? '').split('\n')) {
      const [, forgiving, name = '', value = ''] = /^\s*(-?)([\w.*/-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      if (name === '') continue;
      const written = system.files.writeInPlace(`/proc/sys/${name.replaceAll('.', '/')}`, value);
      if (!written && forgiving === '') refused.push(name);
    }
  }
  return refused;
}
