import type { Parsed } from './parsed.ts';

/** A mount of the OCI runtime specification (config.md, "Mounts"). */
export interface Mount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  readonly options?: readonly string[];
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
}

export interface IdMapping {
  readonly containerID: number | bigint;
  readonly hostID: number | bigint;
  readonly size: number | bigint;
}

/** A mount as the YAML has it, where much can be left out. */
export type PartialMount = Partial<Mount>;

const DESTINATIONS: ReadonlyMap<string, string> = new Map([
  ['proc', '/proc'],
  ['devpts', '/dev/pts'],
  ['sysfs', '/sys'],
  ['cgroup', '/sys/fs/cgroup'],
  ['mqueue', '/dev/mqueue'],
]);
const SELF_NAMED = ['mqueue', 'devpts', 'proc', 'sysfs', 'cgroup'];

/** Fills in what LinuxKit infers: the type from the source, the destination from the type, the source from it. */
export function completeMount(partial: PartialMount): Parsed<Mount> {
  const { source, uidMappings, gidMappings } = partial;
  let type = partial.type ?? '';
  if (type === '' && source !== undefined && SELF_NAMED.includes(source)) type = source;
  if (type === '' && partial.destination === '/dev') type = 'tmpfs';
  if (type === '') return { message: `mount for destination ${partial.destination ?? ''} is missing type` };
  const destination = partial.destination ?? DESTINATIONS.get(type) ?? '';
  if (destination === '') return { message: `mount type ${type} is missing destination` };
  const options = type === 'bind' ? asBind(partial.options) : partial.options;
  return {
    value: {
      destination,
      type,
      source: source === undefined || source === '' ? type : source,
      ...(options === undefined || options.length === 0 ? {} : { options }),
      ...(uidMappings === undefined || uidMappings.length === 0 ? {} : { uidMappings }),
      ...(gidMappings === undefined || gidMappings.length === 0 ? {} : { gidMappings }),
    },
  };
}

/** To the kernel and to runc it is the option that makes a bind mount, not the type. */
function asBind(options: readonly string[] = []): readonly string[] {
  return options.includes('bind') || options.includes('rbind') ? options : [...options, 'rbind'];
}

/** `source:destination[:options]`. */
export function parseBind(text: string): Parsed<Mount> {
  const [source, destination, options, ...more] = text.split(':');
  if (destination === undefined) return { message: `cannot parse bind, missing ':': ${text}` };
  if (more.length > 0) return { message: `cannot parse bind, too many ':': ${text}` };
  if (source === undefined || source === '') return { message: `cannot parse bind, no source: ${text}` };
  if (destination === '') return { message: `cannot parse bind, no destination: ${text}` };
  return {
    value: {
      destination,
      type: 'bind',
      source,
      options: options === undefined ? ['rw', 'rbind', 'rshared'] : [...options.split(','), 'rbind'],
    },
  };
}

/** `destination[:options]`. */
export function parseTmpfs(text: string): Parsed<Mount> {
  const [destination, options, ...more] = text.split(':');
  if (more.length > 0) return { message: `cannot parse tmpfs, too many ':': ${text}` };
  if (destination === undefined || destination === '') {
    return { message: `cannot parse tmpfs, no destination: ${text}` };
  }
  return {
    value: {
      destination,
      type: 'tmpfs',
      source: 'tmpfs',
      ...(options === undefined ? {} : { options: options.split(',') }),
    },
  };
}

/** The five mounts that every container has unless it says otherwise at the same destination. */
export function defaultMounts(readonly: boolean): readonly Mount[] {
  const ro = readonly ? ['ro'] : [];
  return [
    {
      destination: '/proc',
      type: 'proc',
      source: 'proc',
      options: ['nosuid', 'nodev', 'noexec', 'relatime'],
    },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k', ...ro],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', ...ro] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
    },
  ];
}
