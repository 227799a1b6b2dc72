import { createHash } from 'node:crypto';
import { normalize } from 'node:path';
import { engineError } from '../errors.ts';
import { hidesMachine } from '../files/machine-folders.ts';
import type { SyncMode } from './reconcile.ts';

/** One folder of the setting `syncs`. */
export interface SyncSetting {
  /** Of the folder's path: where its record and its copy are kept. */
  readonly id: string;
  readonly path: string;
  readonly mode: SyncMode;
  /** Patterns of gitignore(5). */
  readonly exclude: readonly string[];
  /** Whose the files are in the machine, `[uid, gid]`. @default root's */
  readonly owner?: readonly [number, number];
}

/**
 * The setting `syncs`: a mapping of absolute paths to `{mode, exclude, owner}`, each of which may be left out.
 * @throws OrlopError `engine.bad-setting` with every problem
 */
export function parseSyncs(setting: Readonly<Record<string, unknown>>): SyncSetting[] {
  const problems: { readonly message: string }[] = [];
  const found = Object.entries(setting).flatMap(([path, value]) => {
    const checked = parseSync(path, value ?? {});
    if (typeof checked !== 'string') return [checked];
    problems.push({ message: `syncs: ${path}: ${checked}` });
    return [];
  });
  for (const one of found) {
    const above = found.find(({ path }) => one.path.startsWith(`${path}/`));
    if (above !== undefined) {
      problems.push({ message: `syncs: ${one.path}: it is in ${above.path}, which is synchronised already` });
    }
  }
  if (problems.length === 0) return found;
  throw engineError('engine.bad-setting', 'the setting syncs cannot be used as it is', { problems });
}

/** @returns the problem, if it is none */
export function parseSync(path: string, value: unknown): SyncSetting | string {
  if (!path.startsWith('/') || /[\0\n]/.test(path) || normalize(path).replace(/(.)\/$/, '$1') !== path) {
    return 'is no absolute path without ".." and "/" at its end';
  }
  if (hidesMachine(path)) return "would hide the engine's own files";
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no mapping';
  const { mode = 'two-way', exclude = [], owner, ...other } = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(other)[0];
  if (unknown !== undefined) return `has no "${unknown}": mode, exclude, owner`;
  if (mode !== 'two-way' && mode !== 'one-way') return `mode is two-way or one-way, not ${String(mode)}`;
  if (!Array.isArray(exclude) || !exclude.every((one) => typeof one === 'string'))
    return 'exclude is a list of texts';
  const owned = owner === undefined ? undefined : /^(\d{1,9}):(\d{1,9})$/.exec(String(owner));
  if (owned === null) return 'owner is UID:GID, such as 1000:1000';
  const [, uid, gid] = owned ?? [];
  return {
    ...{ id: syncId(path), path, mode, exclude },
    ...(owned !== undefined && { owner: [Number(uid), Number(gid)] as const }),
  };
}

export function syncId(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 12);
}
