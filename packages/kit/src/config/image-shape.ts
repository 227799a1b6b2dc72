import { capabilityProblem } from '../spec/capability.ts';
import { completeMount, parseBind, parseTmpfs } from '../spec/mount.ts';
import type { Parsed } from '../spec/parsed.ts';
import { parseRlimit } from '../spec/rlimit.ts';
import { entryOf, type Located } from '../yaml/located.ts';
import {
  boolean,
  checked,
  choice,
  int64,
  integer,
  listOf,
  mapOf,
  object,
  placed,
  problem,
  type Reader,
  type ReadPlace,
  refine,
  string,
  uint16,
  uint32,
  uint64,
  type ValueOf,
} from '../yaml/shape.ts';

/** A text that `parse` accepts, as written. */
export function parsed<T>(parse: (text: string) => Parsed<T>): Reader<string> {
  return checked((text) => {
    const result = parse(text);
    return 'message' in result ? result.message : undefined;
  });
}

const strings = listOf(string);
const device = choice('a', 'b', 'c', 'u', 'p');

const capabilities: Reader<readonly string[]> = (node, at) => {
  const names = strings(node, at);
  if (node.kind !== 'list') return names;
  for (const [index, item] of node.items.entries()) {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') continue;
    const message = capabilityProblem(item.value, node.items.length);
    if (message !== undefined) problem(item, { ...at, path: `${at.path}[${index}]` }, message);
  }
  return names;
};

const idMapping = object({ hostID: uint32, containerID: uint32, size: uint32 }, [
  'hostID',
  'containerID',
  'size',
]);

const idMappings = listOf(idMapping);

const mountShape = object({
  type: string,
  source: string,
  destination: string,
  options: strings,
  uidMappings: idMappings,
  gidMappings: idMappings,
  // LinuxKit's schema spells them in lower case here.
  uidmappings: idMappings,
  gidmappings: idMappings,
});

/** A mount whose type and destination are given or can be inferred. */
const mount = placed(
  refine(mountShape, ({ uidmappings, gidmappings, ...value }, node, at) => {
    const partial = {
      ...value,
      ...(uidmappings === undefined ? {} : { uidMappings: uidmappings }),
      ...(gidmappings === undefined ? {} : { gidMappings: gidmappings }),
    };
    const result = completeMount(partial);
    return 'message' in result ? problem(node, at, result.message) : partial;
  }),
);

/** A mount of `runtime`: the guest takes also those without a type, such as a bind. */
const runtimeMount = refine(mountShape, ({ uidmappings, gidmappings, ...value }, node, at) =>
  value.destination === undefined ? problem(node, at, '"destination" is missing') : value,
);

const octal = checked((text) =>
  /^[0-7]{1,5}$/.test(text) ? undefined : `cannot parse "${text}" as an octal mode, such as "0666"`,
);

/** Octal digits as a string; the digits of an unquoted number are not what they seem. */
export const octalMode: Reader<string> = (node, at) =>
  node.kind === 'scalar' && typeof node.value === 'number'
    ? problem(node, at, `a mode is octal digits in quotes, such as "0644", and this is a number`)
    : octal(node, at);

const containerDevice = refine(
  object({ path: string, type: device, major: int64, minor: int64, mode: octalMode }, ['path', 'type']),
  (value, node, at) => {
    if (value.path === 'all') {
      return ['a', 'b', 'c'].includes(value.type)
        ? value
        : problem(node, at, `a rule for all devices has the type "a", "b" or "c", got "${value.type}"`);
    }
    const hasMode = node.kind === 'map' && entryOf(node, 'mode') !== undefined;
    if (!hasMode) return problem(node, at, '"mode" is missing');
    return value.type === 'a' ? problem(node, at, 'the type "a" goes only with the path "all"') : value;
  },
);

/** An id: a number, or the name of a container that ids are allotted to. */
export const userId: Reader<number | string> = (node, at) => {
  if (node.kind === 'scalar' && typeof node.value === 'string') return node.value;
  const value = uint32(node, at);
  return value === undefined ? undefined : Number(value);
};

const bind = placed(parsed(parseBind));

const resources = object({
  devices: listOf(
    object({ allow: boolean, type: device, major: int64, minor: int64, access: accessReader() }, ['allow']),
  ),
  memory: object({
    limit: int64,
    reservation: int64,
    swap: int64,
    kernel: int64,
    kernelTCP: int64,
    swappiness: integer(0, 100),
    disableOOMKiller: boolean,
  }),
  cpu: object({
    shares: uint64,
    quota: int64,
    period: uint64,
    realtimeRuntime: int64,
    realtimePeriod: uint64,
    cpus: string,
    mems: string,
  }),
  pids: object({ limit: int64 }, ['limit']),
  blockio: object({
    weight: uint16,
    leafWeight: uint16,
    weightDevice: listOf(
      object({ major: int64, minor: int64, weight: uint16, leafWeight: uint16 }, ['major', 'minor']),
    ),
    throttleReadBpsDevice: throttles(),
    throttleWriteBpsDevice: throttles(),
    throttleReadIOPSDevice: throttles(),
    throttleWriteIOPSDevice: throttles(),
  }),
  hugepageLimits: listOf(object({ pageSize: pageSizeReader(), limit: uint64 }, ['pageSize', 'limit'])),
  network: object({
    classID: uint32,
    priorities: listOf(object({ name: string, priority: uint32 }, ['name', 'priority'])),
  }),
});

function throttles() {
  return listOf(object({ major: int64, minor: int64, rate: uint64 }, ['major', 'minor', 'rate']));
}

function accessReader(): Reader<string> {
  return checked((text) =>
    /^[rwm]{1,3}$/.test(text) ? undefined : `expected any of the letters r, w and m, got "${text}"`,
  );
}

/** LinuxKit's schema has a number of bytes, the OCI specification a text such as `2MB`: both are taken. */
function pageSizeReader(): Reader<string> {
  return (node, at) => {
    if (node.kind === 'scalar' && typeof node.value === 'number') return pageSizeText(node, node.value, at);
    const text = string(node, at);
    if (text === undefined || /^[1-9][0-9]*(?:KB|MB|GB)$/.test(text)) return text;
    return problem(node, at, `cannot parse "${text}" as a page size, such as "2MB"`);
  };
}

function pageSizeText(node: Located, bytes: number, at: ReadPlace): string | undefined {
  const units = [
    ['GB', 2 ** 30],
    ['MB', 2 ** 20],
    ['KB', 2 ** 10],
  ] as const;
  const fitting = units.find(([, size]) => bytes > 0 && bytes % size === 0);
  return fitting === undefined
    ? problem(node, at, `a page size of ${bytes} bytes is no multiple of 1024`)
    : `${bytes / fitting[1]}${fitting[0]}`;
}

const runtime = object({
  cgroups: strings,
  mounts: listOf(runtimeMount),
  mkdir: strings,
  interfaces: listOf(object({ name: string, add: string, peer: string, createInRoot: boolean }, ['name'])),
  bindNS: object({
    cgroup: string,
    ipc: string,
    mnt: string,
    net: string,
    pid: string,
    user: string,
    uts: string,
  }),
  namespace: string,
});

/** What a container may say of itself: exactly what is legal in the label `org.mobyproject.config`. */
export const imageConfigShape = {
  capabilities,
  'capabilities.add': capabilities,
  ambient: capabilities,
  mounts: listOf(mount),
  binds: listOf(bind),
  'binds.add': listOf(bind),
  tmpfs: listOf(parsed(parseTmpfs)),
  devices: listOf(containerDevice),
  command: strings,
  env: listOf(checked((text) => (text.startsWith('=') ? `"${text}" has no name before its "="` : undefined))),
  cwd: checked((text) => (text === '' || text.startsWith('/') ? undefined : `"${text}" is no absolute path`)),
  net: string,
  pid: string,
  ipc: string,
  uts: string,
  userns: string,
  hostname: string,
  readonly: boolean,
  maskedPaths: strings,
  readonlyPaths: strings,
  uid: placed(userId),
  gid: placed(userId),
  additionalGids: listOf(placed(userId)),
  noNewPrivileges: boolean,
  oomScoreAdj: integer(-1000, 1000),
  rootfsPropagation: choice('', 'shared', 'slave', 'private', 'unbindable', 'rshared', 'rslave', 'rprivate'),
  cgroupsPath: string,
  resources,
  sysctl: mapOf(string),
  rlimits: listOf(parsed(parseRlimit)),
  uidMappings: idMappings,
  gidMappings: idMappings,
  annotations: mapOf(string),
  runtime,
};

const imageConfig = object(imageConfigShape);
export type ImageConfigYaml = ValueOf<typeof imageConfig>;
export type Resources = ValueOf<typeof resources>;
export type RuntimeYaml = ValueOf<typeof runtime>;

/** Reads what a label says. `name` and `image` are no keys of it. */
export const readImageConfig: Reader<ImageConfigYaml> = (node, at) => {
  if (node.kind === 'list') return problem(node, at, 'a list, where a mapping is expected');
  return imageConfig(node, at);
};
