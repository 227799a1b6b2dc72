import { Console } from '../console.ts';
import { joinPath, paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { asRecord, type BundleKind, readBundle } from './bundle.ts';
import { prepareProcess } from './prepare.ts';

/**
 * `service prepare-process KIND NAME`, which runc calls as a hook with the container's state on standard input
 * (OCI runtime-spec, runtime.md, "State").
 *
 * @returns the exit status; anything but 0 makes runc give the container up
 */
export function prepareHookProcess(
  system: System,
  which: { readonly kind: string; readonly name: string },
): number {
  const console = new Console(system);
  const kind = (['onboot', 'onshutdown', 'services'] as const satisfies readonly BundleKind[]).find(
    (known) => known === which.kind,
  );
  const pid = asRecord(JSON.parse(system.files.read('/dev/stdin') ?? '{}'))['pid'];
  if (kind === undefined || typeof pid !== 'number') return 2;
  if (system.files.status(joinPath(paths[kind], which.name)) === undefined) return 2;
  const problem = prepareProcess(system, readBundle(system, kind, which.name), pid);
  if (problem === undefined) return 0;
  console.say(`${kind} ${which.name}: ${problem}`);
  return 1;
}
