import { cgroupControllers } from '../boot/root-file-systems.ts';
import { makeOverlayFolders, mount, unmount } from '../mounts.ts';
import { directoryName, joinPath, paths } from '../paths.ts';
import { type System, succeeded } from '../system/system.ts';
import { asList, asRecord, type Bundle, type NetworkInterface } from './bundle.ts';
import { parseJson, printJson } from './json-integers.ts';

/** What went wrong, or undefined. Failures here are reported and boot goes on: each is a value, not an exception. */
export type Problem = string | undefined;

/** Mounts, folders and cgroups that must stand before the container is made (LinuxKit's prepareFilesystem). */
export function prepareFileSystem(system: System, bundle: Bundle): Problem {
  const { runtime } = bundle;
  const rootFolder = joinPath(bundle.folder, 'rootfs');
  const absolute = (path: string): string => (path.startsWith('/') ? path : joinPath(rootFolder, path));
  for (const entry of runtime.mounts) {
    const destination = absolute(entry.destination);
    const options = entry.options ?? [];
    if (!options.includes('remount')) system.files.makeFolder(destination);
    makeOverlayFolders(system, options);
    const problem = mount(system, { ...entry, destination });
    if (problem !== undefined) return `${problem} (runtime.json, "mounts")`;
  }
  for (const folder of runtime.folders) {
    if (!system.files.makeFolder(absolute(folder))) return `cannot make ${folder} (runtime.json, "mkdir")`;
  }
  for (const cgroup of runtime.cgroups) makeCgroup(system, cgroup);
  return undefined;
}

/** Takes the container's own mounts away again, last first. */
export function releaseFileSystem(system: System, bundle: Bundle): void {
  const own = bundle.runtime.mounts.filter(
    ({ destination, options = [] }) =>
      destination.startsWith(`${bundle.folder}/`) && !options.includes('remount'),
  );
  for (const { destination } of own.toReversed()) unmount(system, destination, 'lazily');
}

function makeCgroup(system: System, cgroup: string): void {
  const unified = system.files.status(joinPath(paths.cgroups, 'cgroup.controllers')) !== undefined;
  const roots = unified
    ? [paths.cgroups]
    : cgroupControllers(system).map((controller) => joinPath(paths.cgroups, controller));
  for (const root of roots) system.files.makeFolder(joinPath(root, cgroup));
}

/** True if something must happen between the container's making and its start. */
export function needsPreparedProcess({ runtime }: Bundle): boolean {
  return runtime.interfaces.length > 0 || runtime.namespaceFiles.length > 0;
}

/**
 * A second bundle folder whose configuration differs in that the root is an absolute path and that, where the
 * container's process must be prepared, a `createRuntime` hook does it (OCI runtime-spec, config.md, "createRuntime
 * hooks": in the runtime's namespaces, when those of the container exist). So the container can be made and started
 * in one step by whatever runs it, and its exit status stays with whoever started it.
 */
export function writeRunnableBundle(system: System, bundle: Bundle): string {
  const folder = joinPath(paths.bundles, bundle.kind, bundle.name);
  const config = asRecord(parseJson(system.files.read(joinPath(bundle.folder, 'config.json')) ?? '{}'));
  const root = asRecord(config['root']);
  const hooks = asRecord(config['hooks']);
  const prepare = {
    path: paths.serviceProgram,
    args: ['service', 'prepare-process', bundle.kind, bundle.name],
  };
  const prepared = {
    ...config,
    root: { ...root, path: joinPath(bundle.folder, 'rootfs') },
    ...(needsPreparedProcess(bundle)
      ? { hooks: { ...hooks, createRuntime: [...asList(hooks['createRuntime']), prepare] } }
      : {}),
  };
  system.files.makeFolder(folder, 0o700);
  system.files.write(joinPath(folder, 'config.json'), printJson(prepared), { mode: 0o600 });
  return folder;
}

/** Network interfaces and namespace files of a container whose process exists and has not started (prepareProcess). */
export function prepareProcess(system: System, bundle: Bundle, pid: number): Problem {
  for (const link of bundle.runtime.interfaces) {
    const problem = giveInterface(system, link, pid);
    if (problem !== undefined) return problem;
  }
  for (const { namespace, path } of bundle.runtime.namespaceFiles) {
    system.files.makeFolder(directoryName(path));
    system.files.write(path, '');
    const source = `/proc/${pid}/ns/${namespace}`;
    const problem = mount(system, { type: 'bind', source, destination: path, options: ['bind'] });
    if (problem !== undefined) return `${problem} (runtime.json, "bindNS")`;
  }
  return undefined;
}

function giveInterface(system: System, link: NetworkInterface, pid: number): Problem {
  const run = (...command: readonly string[]): boolean =>
    succeeded(system.processes.run([paths.busybox, ...command]));
  const described = `interface ${link.name} (runtime.json, "interfaces")`;
  if (link.add === 'veth' && link.peer === '') return `${described} is a veth and has no "peer"`;
  if (link.add !== '' && link.add !== 'veth' && !link.createInRoot) {
    const made = run(
      'nsenter',
      '-t',
      String(pid),
      '-n',
      '--',
      paths.ip,
      'link',
      'add',
      link.name,
      'type',
      link.add,
    );
    return made ? undefined : `cannot make ${described} of type ${link.add}`;
  }
  // A veth's other end stays outside, so the pair is made here in any case and one end moves in.
  if (link.add !== '' && !run('ip', 'link', 'add', link.name, 'type', link.add)) {
    return `cannot make ${described} of type ${link.add}`;
  }
  if (link.add === 'veth') {
    // busybox's ip knows no peers, so the kernel has named it; a pair's ends know each other's index.
    const peer = findPeer(system, link.name);
    if (peer === undefined || !run('ip', 'link', 'set', peer, 'name', link.peer)) {
      return `cannot name the peer of ${described}`;
    }
  }
  return run('ip', 'link', 'set', link.name, 'netns', String(pid))
    ? undefined
    : `cannot move ${described} in`;
}

function findPeer(system: System, name: string): string | undefined {
  const index = system.files.read(`/sys/class/net/${name}/iflink`)?.trim();
  return system.files
    .list('/sys/class/net')
    .find(
      (other) => other !== name && system.files.read(`/sys/class/net/${other}/ifindex`)?.trim() === index,
    );
}
