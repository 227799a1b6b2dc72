import { knownFileSystems, type Mount, mount, mountAll } from '../mounts.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';

/** LinuxKit's `rc.init`: what is there before anything else may run (linuxkit.md §2.4). */
const runFileSystem: Required<Mount> = {
  source: 'tmpfs',
  destination: '/run',
  type: 'tmpfs',
  options: ['nodev', 'nosuid', 'noexec', 'relatime', 'size=10%', 'mode=755'],
};

const essentialFileSystems: readonly Required<Mount>[] = [
  {
    source: 'devtmpfs',
    destination: '/dev',
    type: 'devtmpfs',
    options: ['nosuid', 'noexec', 'relatime', 'size=10m', 'mode=755'],
  },
  { source: 'sysfs', destination: '/sys', type: 'sysfs', options: ['nodev', 'nosuid', 'noexec'] },
  {
    source: 'tmpfs',
    destination: '/tmp',
    type: 'tmpfs',
    options: ['nodev', 'nosuid', 'noexec', 'relatime', 'size=10%', 'mode=1777'],
  },
  {
    source: 'tmpfs',
    destination: '/var',
    type: 'tmpfs',
    options: ['nodev', 'nosuid', 'noexec', 'relatime', 'size=50%', 'mode=755'],
  },
];

const deviceFileSystems: readonly Required<Mount>[] = [
  { source: 'mqueue', destination: '/dev/mqueue', type: 'mqueue', options: ['nodev', 'nosuid', 'noexec'] },
  {
    source: 'shm',
    destination: '/dev/shm',
    type: 'tmpfs',
    options: ['nodev', 'nosuid', 'noexec', 'mode=1777'],
  },
  {
    source: 'devpts',
    destination: '/dev/pts',
    type: 'devpts',
    options: ['nosuid', 'noexec', 'gid=5', 'mode=620', 'ptmxmode=666'],
  },
];

/** Only where the kernel has them, and without a word where it has not. */
const kernelFileSystems: readonly Required<Mount>[] = (
  [
    ['securityfs', '/sys/kernel/security'],
    ['debugfs', '/sys/kernel/debug'],
    ['configfs', '/sys/kernel/config'],
    ['fusectl', '/sys/fs/fuse/connections'],
    ['selinuxfs', '/sys/fs/selinux'],
    ['pstore', '/sys/fs/pstore'],
    ['bpf', '/sys/fs/bpf'],
    ['efivarfs', '/sys/firmware/efi/efivars'],
    ['binfmt_misc', '/proc/sys/fs/binfmt_misc'],
  ] as const
).map(([type, destination]) => ({ source: type, destination, type, options: ['noexec', 'nosuid', 'nodev'] }));

const varFolders = ['cache', 'empty', 'lib', 'local', 'lock', 'log', 'opt', 'spool', 'tmp'];

const deviceLinks: readonly (readonly [target: string, path: string])[] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['/proc/kcore', '/dev/kcore'],
];

/** `/proc` comes first and alone: nearly everything that follows reads it. */
export function mountProc(system: System): void {
  mount(system, {
    source: 'proc',
    destination: '/proc',
    type: 'proc',
    options: ['nodev', 'nosuid', 'noexec', 'relatime'],
  });
}

/**
 * The root file system becomes read-only, with memory where programs write. Those that the image itself keeps on
 * a disk (an fstab'd `/var`) are mounted by the image's own onboot containers, later, over these.
 */
export function mountRootFileSystems(system: System): void {
  // The mount points were made by the composer; on a root that lacks one it must be made before it is read-only.
  for (const { destination } of [runFileSystem, ...essentialFileSystems])
    system.files.makeFolder(destination);
  mount(system, { destination: '/', options: ['remount', 'ro'] });
  // First and alone: the table of the others is written there.
  mount(system, runFileSystem);
  mountAll(system, essentialFileSystems);
  for (const folder of varFolders)
    system.files.makeFolder(`/var/${folder}`, folder === 'tmp' ? 0o1777 : 0o755);
  system.files.makeLink('/run', '/var/run');
  for (const [target, path] of deviceLinks) system.files.makeLink(target, path);
}

/** What needs /dev, /sys and /proc to be there. Makes every mount shared, as containers' mounts rely on. */
export function mountKernelFileSystems(system: System, cgroups: 'unified' | 'legacy'): void {
  const known = knownFileSystems(system);
  const wanted = kernelFileSystems.filter(
    ({ type, destination }) => known.has(type) && system.files.status(destination)?.kind === 'directory',
  );
  mountAll(system, [...deviceFileSystems, ...cgroupFileSystems(system, cgroups), ...wanted]);
  mount(system, { destination: '/', options: ['rshared'] });
}

function cgroupFileSystems(system: System, cgroups: 'unified' | 'legacy'): readonly Required<Mount>[] {
  const options = ['nodev', 'nosuid', 'noexec', 'relatime'];
  if (cgroups === 'unified') {
    return [{ source: 'cgroup2', destination: paths.cgroups, type: 'cgroup2', options }];
  }
  mount(system, {
    source: 'cgroup_root',
    destination: paths.cgroups,
    type: 'tmpfs',
    options: [...options, 'size=10m', 'mode=755'],
  });
  return cgroupControllers(system).map((controller) => ({
    source: controller,
    destination: `${paths.cgroups}/${controller}`,
    type: 'cgroup',
    options: [...options, controller],
  }));
}

/** The controllers that this kernel has and has switched on: `name hierarchy cgroups enabled` in /proc/cgroups. */
export function cgroupControllers(system: System): readonly string[] {
  const lines = (system.files.read('/proc/cgroups') ?? '').split('\n');
  return lines.flatMap((line) => {
    const [name, , , enabled] = line.split(/\s+/);
    return name === undefined || name.startsWith('#') || enabled !== '1' ? [] : [name];
  });
}
