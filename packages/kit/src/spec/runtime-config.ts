import type { RuntimeYaml } from '../config/image-shape.ts';
import type { JsonValue } from './go-json.ts';
import type { Mount } from './mount.ts';
import { mountJson } from './oci-spec.ts';

/** The `runtime.json` of a container: what the guest does around it. All of its keys are always there. */
export function runtimeConfig(runtime: RuntimeYaml, rootMounts: readonly Mount[]): JsonValue {
  const namespaces = runtime.bindNS ?? {};
  return {
    cgroups: runtime.cgroups ?? [],
    mounts: [...rootMounts, ...(runtime.mounts ?? [])].map(mountJson),
    mkdir: runtime.mkdir ?? [],
    interfaces: (runtime.interfaces ?? []).map((item) => ({
      name: item.name,
      add: item.add || undefined,
      peer: item.peer || undefined,
      createInRoot: item.createInRoot ?? false,
    })),
    bindNS: {
      cgroup: namespaces.cgroup ?? '',
      ipc: namespaces.ipc ?? '',
      mnt: namespaces.mnt ?? '',
      net: namespaces.net ?? '',
      pid: namespaces.pid ?? '',
      user: namespaces.user ?? '',
      uts: namespaces.uts ?? '',
    },
    namespace: runtime.namespace ?? '',
  };
}

/**
 * The mounts that give a writable container its root: an overlay of the image, with what is written kept in
 * memory.
 */
export function overlayMounts(bundle: string, lower: string): readonly Mount[] {
  const tmp = `/${bundle}/tmp`;
  return [
    { destination: tmp, type: 'tmpfs', source: 'tmpfs' },
    { destination: tmp, options: ['remount', 'private'] },
    {
      destination: `/${bundle}/rootfs`,
      type: 'overlay',
      source: 'overlay',
      options: [`lowerdir=/${lower}`, `upperdir=${tmp}/upper`, `workdir=${tmp}/work`],
    },
  ];
}

/** The mount of a read-only root: bound to itself, or to that of the container that has the same image. */
export function bindMounts(bundle: string, root: string): readonly Mount[] {
  return [{ destination: `/${bundle}/rootfs`, source: `/${root}`, options: ['bind'] }];
}
