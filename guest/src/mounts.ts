import { joinPath, paths } from './paths.ts';
import { exitStatusOf, type System, succeeded } from './system/system.ts';

/** One mount, in the words of the OCI runtime specification (config.md, "Mounts"). */
export interface Mount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  readonly options?: readonly string[];
}

/**
 * Mounts one file system, or changes one that is there (`remount`, `private`, …).
 *
 * @returns what went wrong, in busybox's words, or undefined
 */
export function mount(system: System, entry: Mount): string | undefined {
  const command = [paths.busybox, 'mount', ...mountArguments(entry)];
  const { ending, output } = system.processes.capture(command, { stderr: 'with-stdout' });
  if (succeeded(ending)) return undefined;
  return output.trim() || `${command.join(' ')} ended with status ${exitStatusOf(ending)}`;
}

function mountArguments({ destination, type, source, options = [] }: Mount): readonly string[] {
  // Always named, though the kernel often does not look at it: without it busybox asks /etc/fstab.
  const device = source || type || 'none';
  const propagation = propagationOf(options);
  if (propagation !== undefined) return ['-n', `--make-${propagation}`, device, destination];
  return [
    '-n',
    ...(type === undefined || type === '' || type === 'bind' ? [] : ['-t', type]),
    ...(options.length === 0 ? [] : ['-o', entryOptions(type, options).join(',')]),
    device,
    destination,
  ];
}

function entryOptions(type: string | undefined, options: readonly string[]): readonly string[] {
  return type === 'bind' && !options.some((option) => option === 'bind' || option === 'rbind')
    ? ['bind', ...options]
    : options;
}

const propagations = new Set([
  'shared',
  'slave',
  'private',
  'unbindable',
  'rshared',
  'rslave',
  'rprivate',
  'runbindable',
]);

/**
 * The propagation that the options ask for and nothing else. LinuxKit's composer writes `[remount, private]` for the
 * tmpfs of a container: mount(2) looks at MS_REMOUNT first and then ignores the propagation, which is what is meant.
 */
function propagationOf(options: readonly string[]): string | undefined {
  const propagation = options.find((option) => propagations.has(option));
  return options.every((option) => option === propagation || option === 'remount') ? propagation : undefined;
}

/**
 * Mounts file systems in order with one call of busybox: under an emulated processor each further process costs
 * more than its mount. Mounts that are there already are left alone; one that fails does not keep the others back.
 */
export function mountAll(system: System, entries: readonly Required<Mount>[]): boolean {
  for (const { destination } of entries) system.files.makeFolder(destination);
  const table = entries.map(
    ({ source, destination, type, options }) =>
      `${source} ${destination} ${type} ${options.length === 0 ? 'defaults' : options.join(',')} 0 0\n`,
  );
  system.files.makeFolder(paths.state, 0o700);
  system.files.write(paths.mountTable, table.join(''));
  const ending = system.processes.run([paths.busybox, 'mount', '-a', '-T', paths.mountTable]);
  system.files.remove(paths.mountTable);
  return succeeded(ending);
}

/** Says whether it was unmounted. */
export function unmount(system: System, destination: string, how: 'now' | 'lazily' = 'now'): boolean {
  const options = how === 'lazily' ? ['-l'] : [];
  return succeeded(
    system.processes.run([paths.busybox, 'umount', ...options, destination], { stderr: 'null' }),
  );
}

/** A line of /proc/mounts (fstab(5)): spaces and the like are written as octal escapes. */
export interface MountedFileSystem {
  readonly source: string;
  readonly destination: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** As /proc/mounts lists them, the last on a place last. */
export function mountedFileSystems(system: System): readonly MountedFileSystem[] {
  const lines = (system.files.read('/proc/mounts') ?? '').split('\n');
  return lines.flatMap((line) => {
    const [source, destination, type, options] = line.split(' ');
    if (source === undefined || destination === undefined || type === undefined) return [];
    return [{ source, destination: unescapeField(destination), type, options: (options ?? '').split(',') }];
  });
}

function unescapeField(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** File systems that this kernel knows now, without loading a module. */
export function knownFileSystems(system: System): ReadonlySet<string> {
  const lines = (system.files.read('/proc/filesystems') ?? '').split('\n');
  return new Set(lines.map((line) => line.replace(/^nodev/, '').trim()).filter((name) => name !== ''));
}

/** Makes the folders that an overlay's options name: mount(2) demands that they exist. */
export function makeOverlayFolders(system: System, options: readonly string[]): void {
  for (const option of options) {
    const folder = /^(?:upperdir|workdir)=(.+)$/.exec(option)?.[1];
    if (folder !== undefined) system.files.makeFolder(joinPath(folder));
  }
}
