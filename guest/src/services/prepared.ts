import type { Bundle } from '../container/bundle.ts';
import { type Problem, prepareFileSystem } from '../container/prepare.ts';
import { joinPath, paths } from '../paths.ts';
import type { System } from '../system/system.ts';

/**
 * A service's file system is made once: after a restart it finds what it had written, as a restarted container
 * does under Docker. The mark is a file, so that a new supervisor does not mount everything a second time.
 */
export function prepareOnce(system: System, bundle: Bundle): Problem {
  const mark = joinPath(paths.prepared, bundle.name);
  if (system.files.status(mark) !== undefined) return undefined;
  const problem = prepareFileSystem(system, bundle);
  if (problem !== undefined) return problem;
  system.files.makeFolder(paths.prepared, 0o700);
  system.files.write(mark, '');
  return undefined;
}
