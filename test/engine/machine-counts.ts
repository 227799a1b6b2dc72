import { readdir, readFile } from 'node:fs/promises';
import type { EngineUnderTest } from './engine-under-test.ts';

/** What containers could leave behind, each as a number. */
export interface Counts {
  readonly host: Readonly<Record<string, number>>;
  readonly machine: Readonly<Record<string, number>>;
}

/**
 * One `NAME COUNT` a line, out of the namespaces of the machine. dockerd's and containerd's descriptors include one for each
 * client, this one among them.
 */
const SCRIPT = `
dockerd=$(pidof dockerd); containerd=$(pidof containerd)
root=/proc/$dockerd/root
sync; echo 3 >/proc/sys/vm/drop_caches
count() { echo "$1 $(wc -l)"; }
ls /sys/class/net | grep veth | count veths
pidof containerd-shim-runc-v2 | tr ' ' '\\n' | count shims
ls $root/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby | count tasks
ls $root/var/lib/docker/containers | count containers
ls $root/run/docker/netns | count netns
grep -c overlay /proc/$dockerd/mountinfo | tr '\\n' ' ' | sed 's/^/overlays /'; echo
wc -l </proc/$dockerd/mountinfo | sed 's/^/mounts /'
find /sys/fs/cgroup/containers -type d | count cgroups
ls $root/proc/$dockerd/fd | count dockerd-fds
ls /proc/$containerd/fd | count containerd-fds
ls /proc | grep '^[0-9]*$' | count processes
cat /proc/sys/net/netfilter/nf_conntrack_count | sed 's/^/conntrack /'
sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/dockerd-kib \\1/p' /proc/$dockerd/status
sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/containerd-kib \\1/p' /proc/$containerd/status
sed -n 's/^MemAvailable: *\\([0-9]*\\).*/available-kib \\1/p' /proc/meminfo
sed -n 's/^Slab: *\\([0-9]*\\).*/slab-kib \\1/p' /proc/meminfo
`;

/** Counts on both sides; the container that counts is among what it counts. */
export async function countAll(engine: EngineUnderTest, image: string): Promise<Counts> {
  const inside = ['--privileged', '--pid=host', '--net=host', '--cgroupns=host', image, 'sh', '-c', SCRIPT];
  const said = await engine.docker('run', '--rm', ...inside);
  const machine = Object.fromEntries(
    said
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .map(([name = '', count = '']) => [name, Number(count)]),
  );
  const [files = 0, goroutines = 0] = (await engine.docker('info', '-f', '{{.NFd}} {{.NGoroutines}}'))
    .split(' ')
    .map(Number);
  const { pid, ports } = await engine.status();
  const daemon = await engine.daemonPid();
  return {
    host: {
      'daemon-fds': await descriptors(daemon),
      'daemon-kib': await residentKib(daemon),
      'qemu-fds': await descriptors(pid),
      'qemu-kib': await residentKib(pid),
      forwards: ports.length,
    },
    machine: { ...machine, files, goroutines },
  };
}

export const descriptors = async (pid: number) => (await readdir(`/proc/${pid}/fd`)).length;

export async function residentKib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1] ?? 0);
}
