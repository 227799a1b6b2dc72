import type { Mount } from '../mounts.ts';
import { joinPath, paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { parseJson } from './json-integers.ts';

export type BundleKind = 'onboot' | 'onshutdown' | 'services';

/** A container as the composer laid it down: `/containers/KIND/NAME` with config.json and, perhaps, runtime.json. */
export interface Bundle {
  readonly kind: BundleKind;
  /** The folder's name: `redis`, `000-dhcpcd`. */
  readonly name: string;
  readonly folder: string;
  readonly runtime: RuntimeConfig;
}

/** runtime.json: what is to be done around the container, outside of the OCI configuration (linuxkit.md §1.4). */
export interface RuntimeConfig {
  readonly mounts: readonly Mount[];
  readonly folders: readonly string[];
  readonly cgroups: readonly string[];
  readonly interfaces: readonly NetworkInterface[];
  /** Files onto which the container's namespaces are bound. */
  readonly namespaceFiles: readonly NamespaceFile[];
  /** containerd's namespace. */
  readonly namespace: string;
}

export interface NetworkInterface {
  readonly name: string;
  /** The kind of link to make; empty: an existing one moves in. */
  readonly add: string;
  readonly peer: string;
  readonly createInRoot: boolean;
}

export interface NamespaceFile {
  /** As in /proc/PID/ns. */
  readonly namespace: 'cgroup' | 'ipc' | 'mnt' | 'net' | 'pid' | 'user' | 'uts';
  readonly path: string;
}

const namespaceNames = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'] as const;

/** LinuxKit's own namespace for services, so that its habits (`ctr -n services.linuxkit`) go on working. */
export const defaultNamespace = 'services.linuxkit';

/** All containers of a kind in the order in which they run. */
export function listBundles(system: System, kind: BundleKind): readonly Bundle[] {
  return system.files
    .list(paths[kind])
    .filter((name) => system.files.status(joinPath(paths[kind], name))?.kind === 'directory')
    .map((name) => readBundle(system, kind, name));
}

export function readBundle(system: System, kind: BundleKind, name: string): Bundle {
  const folder = joinPath(paths[kind], name);
  const text = system.files.read(joinPath(folder, 'runtime.json'));
  return { kind, name, folder, runtime: parseRuntimeConfig(text ?? '{}') };
}

/** Fields of the wrong type count as absent: the composer has validated what it wrote. */
export function parseRuntimeConfig(text: string): RuntimeConfig {
  const root = asRecord(parseJson(text));
  const bindNs = asRecord(root['bindNS']);
  return {
    mounts: asList(root['mounts']).map((entry) => {
      const mount = asRecord(entry);
      return {
        destination: asText(mount['destination']),
        type: asText(mount['type']),
        source: asText(mount['source']),
        options: asList(mount['options']).map(asText),
      };
    }),
    folders: asList(root['mkdir']).map(asText),
    cgroups: asList(root['cgroups']).map(asText),
    interfaces: asList(root['interfaces']).map((entry) => {
      const link = asRecord(entry);
      return {
        name: asText(link['name']),
        add: asText(link['add']),
        peer: asText(link['peer']),
        createInRoot: link['createInRoot'] === true,
      };
    }),
    namespaceFiles: namespaceNames.flatMap((namespace) => {
      const path = asText(bindNs[namespace]);
      return path === '' ? [] : [{ namespace, path }];
    }),
    namespace: asText(root['namespace']) || defaultNamespace,
  };
}

export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {};
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
