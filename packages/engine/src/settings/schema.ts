/** What the defaults depend on. */
export interface HostFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
}

export type SettingType = 'integer' | 'size' | 'text' | 'texts' | 'boolean' | 'object';

/** One setting: what may be said of it, and when a change has its effect. */
export interface Setting {
  readonly type: SettingType;
  readonly summary: string;
  readonly fallback: (host: HostFacts) => SettingValue;
  /** Least value of an integer or a size. */
  readonly min?: number;
  readonly choices?: readonly string[];
  /** What a text, or each of a list, must look like, and how that is said. */
  readonly form?: { readonly pattern: RegExp; readonly words: string };
  /** @default 'restart' */
  readonly effect?: 'now' | 'restart';
}

/** Sizes are held in bytes. */
export type SettingValue = number | string | boolean | readonly string[] | Readonly<Record<string, unknown>>;

const GIB = 2 ** 30;
const MIB = 2 ** 20;

const PROXY_FORM = {
  pattern: /^$|^(?:https?|socks5h?):\/\/\S+$/,
  words: 'a URL such as http://proxy.example:3128, or nothing',
};

/** Every setting, by its dotted name; files, flags, `orlop config` and the reference are made of this table. */
export const settingsTable = {
  cpus: {
    type: 'integer',
    summary: 'processors of the machine',
    min: 1,
    fallback: (host) => Math.min(4, host.cpus),
  },
  memory: {
    type: 'size',
    summary: 'memory of the machine; what it does not use goes back to the host',
    min: 512 * MIB,
    fallback: (host) => Math.max(GIB, Math.min(4 * GIB, Math.floor(host.memoryBytes / 2 / MIB) * MIB)),
  },
  memoryReclaim: {
    type: 'text',
    summary:
      'what a quiet machine remembers of files goes back to the host step by step; off: it keeps what it has',
    choices: ['gradual', 'off'],
    effect: 'now',
    fallback: () => 'gradual',
  },
  disk: {
    type: 'size',
    summary: 'size of the data disk; it takes what is used, and grows only',
    min: GIB,
    fallback: () => 64 * GIB,
  },
  accelerator: {
    type: 'text',
    summary: 'what runs the machine',
    choices: ['auto', 'kvm', 'hvf', 'tcg'],
    fallback: () => 'auto',
  },
  image: {
    type: 'text',
    summary: "image description of the machine; empty: Orlop's own examples/engine.yml",
    fallback: () => '',
  },
  'network.subnet': {
    type: 'text',
    summary: 'IPv4 network between gateway and machine',
    form: {
      pattern: /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!\/)|(?=\/))){4}\/(?:[89]|1\d|2\d)$/,
      words: 'an IPv4 network such as 192.168.127.0/24',
    },
    fallback: () => '192.168.127.0/24',
  },
  'network.ipv6': { type: 'boolean', summary: 'IPv6 on that network', fallback: () => true },
  'network.host': {
    type: 'boolean',
    summary: 'containers reach the loopback of the host as host.docker.internal',
    fallback: () => true,
  },
  'network.hostAddresses': {
    type: 'boolean',
    summary: "containers reach the host by its interfaces' addresses too",
    fallback: () => false,
  },
  'network.hostPorts': {
    type: 'boolean',
    summary: 'ports of containers with --net=host are published on the host',
    fallback: () => true,
  },
  'network.dns': {
    type: 'texts',
    summary: "DNS servers, ADDRESS or ADDRESS#PORT; empty: the host's own",
    form: {
      pattern: /^[\da-fA-F.:]+(?:#\d{1,5})?$/,
      words: 'addresses such as 192.0.2.53 or 192.0.2.53#5353',
    },
    fallback: () => [],
  },
  'proxy.http': {
    type: 'text',
    summary: 'proxy of dockerd for http',
    form: PROXY_FORM,
    fallback: () => '',
  },
  'proxy.https': {
    type: 'text',
    summary: 'proxy of dockerd for https',
    form: PROXY_FORM,
    fallback: () => '',
  },
  'proxy.no': { type: 'texts', summary: 'hosts that are reached without a proxy', fallback: () => [] },
  'docker.mirrors': {
    type: 'texts',
    summary: 'mirrors of Docker Hub, as URLs',
    form: {
      pattern: /^https?:\/\/[^\s/?#]+\/?$/,
      words: 'URLs without a path, such as https://mirror.example',
    },
    effect: 'now',
    fallback: () => [],
  },
  'docker.insecureRegistries': {
    type: 'texts',
    summary: 'registries without a trusted certificate',
    form: { pattern: /^[\w.:[\]/-]+$/, words: 'HOST, HOST:PORT or networks such as 10.0.0.0/8' },
    effect: 'now',
    fallback: () => [],
  },
  'docker.daemon': {
    type: 'object',
    summary: 'further settings of dockerd, as in daemon.json',
    fallback: () => ({}),
  },
  certificates: {
    type: 'texts',
    summary: 'files of authorities (PEM) to trust; "host" stands for those that the host trusts',
    form: { pattern: /^(?:host|\/.+)$/, words: 'absolute paths, or "host"' },
    fallback: () => [],
  },
  shares: {
    type: 'texts',
    summary: 'host folders that the machine has at the same path; PATH or PATH:ro',
    form: { pattern: /^\/./, words: 'absolute paths, as PATH or PATH:ro' },
    fallback: () => [],
  },
  syncs: {
    type: 'object',
    summary:
      'host folders of which the machine has a copy that is kept in step; PATH: {mode, exclude, owner}',
    effect: 'now',
    fallback: () => ({}),
  },
  'events.exclude': {
    type: 'texts',
    summary:
      'folders of shares whose changes on the host containers are not told of; NAME, or /PATH in the share',
    fallback: () => ['.git', 'node_modules'],
  },
  'idle.seconds': {
    type: 'integer',
    summary: 'stop the processors after this time without containers and connections; 0: never',
    min: 0,
    effect: 'now',
    fallback: () => 0,
  },
  'idle.suspendSeconds': {
    type: 'integer',
    summary: 'keep the memory in a file and end the machine after this time without them; 0: never',
    min: 0,
    effect: 'now',
    fallback: () => 0,
  },
  'docker.context': {
    type: 'boolean',
    summary: 'make a Docker context for the engine',
    effect: 'now',
    fallback: () => true,
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof settingsTable;

export const settingNames = Object.keys(settingsTable) as readonly SettingName[];

export function settingOf(name: SettingName): Setting {
  return settingsTable[name];
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingsTable, name);
}
