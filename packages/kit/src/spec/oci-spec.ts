import type { ImageConfigYaml, Resources } from '../config/image-shape.ts';
import type { Placed } from '../yaml/shape.ts';
import { expandCapabilities } from './capability.ts';
import { goList, goMap, type JsonValue } from './go-json.ts';
import { completeMount, defaultMounts, type Mount, parseBind, parseTmpfs } from './mount.ts';
import { parseRlimit } from './rlimit.ts';

/** What the rest of the description says to a container. */
export interface SpecContext {
  /** Ids allotted to the names of containers. */
  readonly ids: ReadonlyMap<string, number>;
  /** Where a volume is mounted in the guest, by its name. */
  readonly volumePath: (name: string) => string;
}

/** OCI runtime-spec 1.2.1, which LinuxKit's snapshot writes. */
const OCI_VERSION = '1.2.1';

/**
 * The `config.json` of a container whose settings were merged: OCI runtime-spec, config.md, in the member order
 * of its Go structures. Every text in `config` has passed its check.
 */
export function ociSpec(config: ImageConfigYaml, context: SpecContext): JsonValue {
  const readonly = config.readonly ?? false;
  const devices = (config.devices ?? []).filter((device) => device.path !== 'all');
  return {
    ociVersion: OCI_VERSION,
    process: process(config, context),
    root: { path: 'rootfs', readonly: readonly || undefined },
    hostname: nonEmpty(config.hostname),
    mounts: mountList(config, readonly, context).map(mountJson),
    annotations: goMap(config.annotations),
    linux: {
      uidMappings: goList(config.uidMappings?.map(idMapping)),
      gidMappings: goList(config.gidMappings?.map(idMapping)),
      sysctl: goMap(config.sysctl),
      resources: resources(config),
      cgroupsPath: nonEmpty(config.cgroupsPath),
      namespaces: namespaces(config),
      devices: goList(
        devices.map((device) => ({
          path: device.path,
          type: device.type,
          major: device.major ?? 0,
          minor: device.minor ?? 0,
          fileMode: Number.parseInt(device.mode ?? '0', 8),
        })),
      ),
      rootfsPropagation: nonEmpty(config.rootfsPropagation),
      maskedPaths: goList(config.maskedPaths),
      readonlyPaths: goList(config.readonlyPaths),
    },
  };
}

function process(config: ImageConfigYaml, context: SpecContext): JsonValue {
  const given = expandCapabilities(config.capabilities ?? []);
  const ambient = expandCapabilities(config.ambient ?? []);
  const all = [...new Set([...given, ...ambient])].sort();
  return {
    user: {
      uid: resolveId(config.uid, context.ids),
      gid: resolveId(config.gid, context.ids),
      additionalGids: goList(config.additionalGids?.map((id) => resolveId(id, context.ids))),
    },
    args: goList(config.command),
    env: goList(config.env),
    cwd: config.cwd ?? '/',
    capabilities: {
      bounding: goList(all),
      effective: goList(given),
      inheritable: goList(all),
      permitted: goList(all),
      ambient: goList(ambient),
    },
    rlimits: goList(
      config.rlimits?.map((text) => {
        const limit = checkedValue(parseRlimit(text));
        return { type: limit.type, hard: limit.hard, soft: limit.soft };
      }),
    ),
    noNewPrivileges: config.noNewPrivileges || undefined,
    oomScoreAdj: config.oomScoreAdj,
  };
}

/** A number, `root` or nothing for 0, or the id allotted to a container's name. */
export function resolveId(id: Placed<number | string> | undefined, ids: ReadonlyMap<string, number>): number {
  const value = id?.value;
  if (value === undefined || value === '' || value === 'root') return 0;
  return typeof value === 'number' ? value : (ids.get(value) ?? 0);
}

/** The defaults, then what is given, of which the later replaces the earlier at one destination; sorted by it. */
function mountList(config: ImageConfigYaml, readonly: boolean, context: SpecContext): readonly Mount[] {
  const given: Mount[] = [
    ...(config.tmpfs ?? []).map((text) => checkedValue(parseTmpfs(text))),
    ...(config.binds ?? []).map((bind) => checkedValue(parseBind(bind.value))),
    ...(config.mounts ?? []).map((mount) => checkedValue(completeMount(mount.value))),
  ];
  const byDestination = new Map<string, Mount>();
  for (const mount of [...defaultMounts(readonly), ...given]) {
    byDestination.set(mount.destination, volumeMount(mount, context));
  }
  return [...byDestination.values()].sort((a, b) => (a.destination < b.destination ? -1 : 1));
}

function volumeMount(mount: Mount, context: SpecContext): Mount {
  const { source } = mount;
  if (mount.type !== 'bind' || source === undefined || source.startsWith('/')) return mount;
  return { ...mount, source: context.volumePath(source) };
}

/** A mount in the member order of the Go structure. */
export function mountJson(mount: Partial<Mount>): JsonValue {
  return {
    destination: mount.destination ?? '',
    type: nonEmpty(mount.type),
    source: nonEmpty(mount.source),
    options: goList(mount.options),
    uidMappings: goList(mount.uidMappings?.map(idMapping)),
    gidMappings: goList(mount.gidMappings?.map(idMapping)),
  };
}

function idMapping(mapping: {
  containerID: number | bigint;
  hostID: number | bigint;
  size: number | bigint;
}) {
  return { containerID: mapping.containerID, hostID: mapping.hostID, size: mapping.size };
}

/** None for the host's; a new one where `new` is said; else that of a path. */
function namespaces(config: ImageConfigYaml): JsonValue {
  const list: JsonValue[] = [];
  const add = (type: string, setting: string | undefined, byDefault: 'host' | 'new') => {
    const value = setting === undefined || setting === '' ? byDefault : setting;
    if (value === 'host' || value === 'root') return;
    list.push(value === 'new' || (type === 'network' && value === 'none') ? { type } : { type, path: value });
  };
  add('network', config.net, 'host');
  add('ipc', config.ipc, 'host');
  add('uts', config.uts, 'host');
  add('pid', config.pid, 'new');
  add('user', config.userns, 'host');
  list.push({ type: 'mount' });
  return list;
}

function resources(config: ImageConfigYaml): JsonValue | undefined {
  const deviceRules = allowedDevices(config);
  if (config.resources === undefined && deviceRules.length === 0) return undefined;
  const given: Resources = config.resources ?? {};
  const { pids, network } = given;
  return {
    devices: goList(deviceRules),
    memory: memoryLimits(given),
    cpu: cpuLimits(given),
    pids: pids && { limit: pids.limit },
    blockIO: blockIo(given),
    hugepageLimits: goList(given.hugepageLimits?.map(({ pageSize, limit }) => ({ pageSize, limit }))),
    network: network && {
      classID: network.classID,
      priorities: goList(network.priorities?.map(({ name, priority }) => ({ name, priority }))),
    },
  };
}

/** The rules of `resources`, then one for each of the container's devices. */
function allowedDevices({ resources: given, devices = [] }: ImageConfigYaml): readonly JsonValue[] {
  const rules = (given?.devices ?? []).map(({ allow, type, major, minor, access }) => {
    return { allow, type, major, minor, access };
  });
  const own = devices.map(({ path, type, major = 0, minor = 0 }) =>
    path === 'all'
      ? { allow: true, type, access: 'rwm' }
      : { allow: true, type, major, minor, access: 'rwm' },
  );
  return [...rules, ...own];
}

function memoryLimits({ memory }: Resources): JsonValue | undefined {
  if (memory === undefined) return undefined;
  const { limit, reservation, swap, kernel, kernelTCP, swappiness, disableOOMKiller } = memory;
  return { limit, reservation, swap, kernel, kernelTCP, swappiness, disableOOMKiller };
}

function cpuLimits({ cpu }: Resources): JsonValue | undefined {
  if (cpu === undefined) return undefined;
  const { shares, quota, period, realtimeRuntime, realtimePeriod, cpus, mems } = cpu;
  const times = { shares, quota, period, realtimeRuntime, realtimePeriod };
  return { ...times, cpus: nonEmpty(cpus), mems: nonEmpty(mems) };
}

function blockIo({ blockio }: Resources): JsonValue | undefined {
  if (blockio === undefined) return undefined;
  const weights = blockio.weightDevice?.map(({ major, minor, weight, leafWeight }) => {
    return { major, minor, weight, leafWeight };
  });
  return {
    weight: blockio.weight,
    leafWeight: blockio.leafWeight,
    weightDevice: goList(weights),
    throttleReadBpsDevice: throttles(blockio.throttleReadBpsDevice),
    throttleWriteBpsDevice: throttles(blockio.throttleWriteBpsDevice),
    throttleReadIOPSDevice: throttles(blockio.throttleReadIOPSDevice),
    throttleWriteIOPSDevice: throttles(blockio.throttleWriteIOPSDevice),
  };
}

function throttles(
  list: readonly { major: number | bigint; minor: number | bigint; rate: number | bigint }[] | undefined,
): readonly JsonValue[] | undefined {
  return goList(list?.map(({ major, minor, rate }) => ({ major, minor, rate })));
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** The value of a text that was checked when it was read. */
function checkedValue<T>(parsed: { readonly value: T } | { readonly message: string }): T {
  if ('message' in parsed) throw new Error(`bug: unchecked text: ${parsed.message}`);
  return parsed.value;
}
