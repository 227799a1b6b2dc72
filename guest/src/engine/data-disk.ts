import { exitStatusOf, type System, succeeded } from '../system/system.ts';
import { dataLabel, enginePaths } from './engine-paths.ts';

const programs = {
  blkid: '/usr/sbin/blkid',
  mke2fs: '/usr/sbin/mke2fs',
  e2fsck: '/usr/sbin/e2fsck',
  resize2fs: '/usr/sbin/resize2fs',
  mount: '/usr/bin/mount',
} as const;

/** blkid(8): nothing was found on the device. */
const nothingFound = 2;

/** e2fsck(8): from here on errors are left, or it could not be run at all. */
const errorsLeft = 4;

export type DataDisk =
  | { readonly kind: 'mounted'; readonly device: string; readonly made: boolean; readonly grown: boolean }
  | { readonly kind: 'failed'; readonly text: string };

/**
 * Mounts the disk that holds the engine's data on /var/lib. A blank disk gets a file system first, one that is larger
 * than when it was seen last is filled. A disk that holds anything else is never touched.
 *
 * `commit=1`: a machine that is killed loses at most a second of what was not yet told to be on the disk.
 *
 * The file system covers the disk without a partition table, so growing it is one step.
 */
export function mountDataDisk(system: System): DataDisk {
  const chosen = chooseDisk(system);
  if (typeof chosen === 'string') return { kind: 'failed', text: chosen };
  const { device, blank } = chosen;
  if (blank) {
    // No discard: a new disk is empty. The tables are written later by the kernel, beside its work.
    const extended = 'lazy_itable_init=1,lazy_journal_init=1,nodiscard';
    const problem = run(system, [
      programs.mke2fs,
      '-q',
      '-F',
      '-t',
      'ext4',
      '-m',
      '1',
      '-L',
      dataLabel,
      '-E',
      extended,
      device,
    ]);
    if (problem !== undefined) return { kind: 'failed', text: problem };
  } else {
    const ending = system.processes.run([programs.e2fsck, '-p', device], { stdout: 'null' });
    if (exitStatusOf(ending) >= errorsLeft) {
      return {
        kind: 'failed',
        text: `the file system on ${device} is damaged beyond what e2fsck mends alone`,
      };
    }
  }
  const problem = run(system, [
    programs.mount,
    '-t',
    'ext4',
    '-o',
    'noatime,discard,commit=1',
    device,
    enginePaths.data,
  ]);
  if (problem !== undefined) return { kind: 'failed', text: problem };
  const sectors = sectorsOf(system, device);
  const before = system.files.read(enginePaths.dataSectors)?.trim();
  let grown = false;
  if (!blank && before !== sectors) {
    const failure = run(system, [programs.resize2fs, device]);
    if (failure !== undefined) return { kind: 'failed', text: failure };
    grown = true;
  }
  if (before !== sectors) system.files.write(enginePaths.dataSectors, `${sectors}\n`);
  return { kind: 'mounted', device, made: blank, grown };
}

function chooseDisk(system: System): { readonly device: string; readonly blank: boolean } | string {
  const candidates = system.files.list('/sys/class/block').filter((name) => isWritableDisk(system, name));
  let blank: string | undefined;
  for (const name of candidates) {
    const device = `/dev/${name}`;
    const { ending, output } = system.processes.capture([programs.blkid, '-p', '-o', 'export', device]);
    if (output.split('\n').includes(`LABEL=${dataLabel}`)) return { device, blank: false };
    if (exitStatusOf(ending) === nothingFound) blank ??= device;
  }
  if (blank !== undefined) return { device: blank, blank: true };
  return candidates.length === 0
    ? 'the machine has no disk for data'
    : `no disk is blank or has the label ${dataLabel}: ${candidates.join(', ')}`;
}

function isWritableDisk(system: System, name: string): boolean {
  if (/^(?:loop|ram|zram|sr|fd|dm-|md|nbd)/.test(name)) return false;
  const folder = `/sys/class/block/${name}`;
  return (
    system.files.status(`${folder}/partition`) === undefined &&
    system.files.read(`${folder}/ro`)?.trim() === '0' &&
    Number(sectorsOf(system, name)) > 0
  );
}

function sectorsOf(system: System, device: string): string {
  return system.files.read(`/sys/class/block/${device.replace('/dev/', '')}/size`)?.trim() ?? '0';
}

/** @returns what went wrong, or undefined */
function run(system: System, command: readonly string[]): string | undefined {
  const { ending, output } = system.processes.capture(command, { stderr: 'with-stdout' });
  if (succeeded(ending)) return undefined;
  return `${command.join(' ')} ended with status ${exitStatusOf(ending)}: ${output.trim()}`;
}
