/**
 * Every path of the guest's contract, in one place. What stands on disk is LinuxKit's layout (docs/design/0020);
 * what lives under `/run/orlop` is Orlop's own.
 */
export const paths = {
  commandLine: '/proc/cmdline',
  containers: '/containers',
  onboot: '/containers/onboot',
  onshutdown: '/containers/onshutdown',
  services: '/containers/services',
  volumes: '/containers/volumes',
  bootScripts: '/etc/init.d',
  shutdownScripts: '/etc/shutdown.d',
  hostname: '/etc/hostname',
  resolvConf: '/etc/resolv.conf',
  containerdOptions: '/etc/containerd/runtime-config.toml',
  logs: '/var/log',
  oneShotLogs: '/run/log',
  cgroups: '/sys/fs/cgroup',

  busybox: '/bin/busybox',
  modprobe: '/sbin/modprobe',
  hwclock: '/sbin/hwclock',
  ip: '/sbin/ip',
  runc: '/usr/bin/runc',
  runcState: '/run/runc',
  containerd: '/usr/bin/containerd',
  ctr: '/usr/bin/ctr',
  containerdSocket: '/run/containerd/containerd.sock',
  serviceProgram: '/usr/bin/service',
  bootProgram: '/bin/rc.init',
  shutdownProgram: '/bin/rc.shutdown',
  streamLogger: '/usr/lib/orlop/log-streams',
  release: '/usr/lib/orlop/release.json',

  state: '/run/orlop',
  bundles: '/run/orlop/bundles',
  processes: '/run/orlop/processes',
  prepared: '/run/orlop/prepared',
  bootRecord: '/run/orlop/boot.json',
  bootStopped: '/run/orlop/boot-stopped',
  serviceStatus: '/run/orlop/services.json',
  supervisorProcess: '/run/orlop/supervisor.pid',
  powerPressed: '/run/orlop/power-pressed',
  shuttingDown: '/run/orlop/shutting-down',
  requests: '/run/orlop/requests',
  replies: '/run/orlop/replies',
  mountTable: '/run/orlop/fstab',
} as const;

/** Joins path parts with single slashes; a part may itself hold several components. */
export function joinPath(...parts: readonly string[]): string {
  const joined = parts.filter((part) => part !== '').join('/');
  return joined.replace(/\/{2,}/g, '/');
}

/** The last component of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The path without its last component, `/` at the top. */
export function directoryName(path: string): string {
  const end = path.lastIndexOf('/');
  return end <= 0 ? '/' : path.slice(0, end);
}
