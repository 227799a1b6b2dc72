import { os } from '../system/quickjs.ts';
import { entryOf, isAs, runApplet } from './copy-files.ts';
import type { Owner, Step, StepResult } from './messages.ts';

/** ENOENT and EEXIST: somebody was here in between. */
const overtaken = [2, 17];
/** chown(1) is started once for so many files. */
const ownedAtOnce = 200;

/** By their number, the contents that came whole: 0, or the number of the error with which the disk refused it. */
export type Staged = Map<number, number>;

export interface ApplyPlaces {
  readonly tree: string;
  readonly stage: string;
  readonly staged: Staged;
  /** Of what is made; what replaces a file keeps that file's. @default root */
  readonly owner?: Owner;
}

/**
 * Carries out steps in their order. Contents are on the disk before they get a name, so that neither a reader nor a power
 * cut ever meets half a file; what is to be removed is moved away first, looked at once more, and put back if it is not what
 * was meant.
 */
export function applySteps(steps: readonly Step[], places: ApplyPlaces): StepResult[] {
  const { tree, stage, owner } = places;
  const files = steps.flatMap((step) => (step.do === 'file' ? [step] : []));
  if (files.length > 0) {
    own(
      files.flatMap(({ path, number }) => {
        const wanted = ownerOf(`${tree}/${path}`) ?? owner;
        return wanted === undefined ? [] : [{ path: `${stage}/${number}`, owner: wanted }];
      }),
    );
    runApplet(['sync', '-f', stage]);
  }
  const results = steps.map((step): StepResult => {
    const error = carryOut(step, places);
    if (error === 0) return ['done'];
    return error < 0 || overtaken.includes(error) ? ['changed'] : ['failed', error];
  });
  const done = steps.filter((_, index) => results[index]?.[0] === 'done');
  changeModes(done, tree);
  if (owner !== undefined) {
    const made = done.filter((step) => step.do === 'folder' || step.do === 'link');
    own(made.map(({ path }) => ({ path: `${tree}/${path}`, owner })));
  }
  return results.map((result, index) => {
    const step = steps[index];
    if (result[0] !== 'done' || step === undefined || step.do.startsWith('remove')) return result;
    const now = entryOf(`${tree}/${step.do === 'set-aside' ? step.to : step.path}`, '');
    return now === undefined ? result : ['done', now];
  });
}

/** @returns 0, an error's number, or -1 when something else is there than was thought */
function carryOut(step: Step, { tree, stage, staged }: ApplyPlaces): number {
  const path = `${tree}/${step.path}`;
  const away = `${stage}/away`;
  switch (step.do) {
    case 'folder':
      return -os.mkdir(path, step.mode);
    case 'file':
      if (!isAs(path, step.of)) return -1;
      if (staged.get(step.number) !== 0) return staged.get(step.number) ?? -1;
      return -os.rename(`${stage}/${step.number}`, path);
    case 'link': {
      if (!isAs(path, step.of)) return -1;
      os.remove(away);
      const made = -os.symlink(step.target, away);
      return made === 0 ? -os.rename(away, path) : made;
    }
    case 'mode':
      return step.of === undefined || isAs(path, step.of) ? 0 : -1;
    case 'remove': {
      if (!isAs(path, step.of)) return -1;
      const moved = -os.rename(path, away);
      if (moved !== 0) return moved;
      if (isAs(away, step.of, { renamed: true })) return -os.remove(away);
      if (entryOf(path, '') === undefined) os.rename(away, path);
      return -1;
    }
    case 'remove-folder':
      return -os.remove(path);
    case 'set-aside':
      if (step.of !== undefined && !isAs(path, step.of)) return -1;
      if (entryOf(`${tree}/${step.to}`, '') !== undefined) return -1;
      return -os.rename(path, `${tree}/${step.to}`);
  }
}

/** QuickJS has no chmod(2): one program for all files that get the same mode. */
function changeModes(steps: readonly Step[], tree: string): void {
  const byMode = new Map<number, string[]>();
  for (const step of steps) {
    if (step.do !== 'mode') continue;
    byMode.set(step.mode, [...(byMode.get(step.mode) ?? []), `${tree}/${step.path}`]);
  }
  for (const [mode, paths] of byMode) {
    for (const some of chunks(paths)) runApplet(['chmod', mode.toString(8), ...some]);
  }
}

export function own(things: readonly { readonly path: string; readonly owner: Owner }[]): void {
  const byOwner = new Map<string, string[]>();
  for (const { path, owner } of things) {
    const name = owner.join(':');
    byOwner.set(name, [...(byOwner.get(name) ?? []), path]);
  }
  for (const [owner, paths] of byOwner) {
    if (owner === '0:0') continue; // whoever makes it here is root
    for (const some of chunks(paths)) runApplet(['chown', '-h', owner, ...some]);
  }
}

export function ownerOf(path: string): Owner | undefined {
  const [status] = os.lstat(path);
  return status === null ? undefined : [status.uid, status.gid];
}

function chunks(paths: readonly string[]): string[][] {
  const found: string[][] = [];
  for (let at = 0; at < paths.length; at += ownedAtOnce) found.push(paths.slice(at, at + ownedAtOnce));
  return found;
}
