import { asList, asRecord, asText } from '../container/bundle.ts';
import { readStaticNetwork, type StaticNetwork } from './network.ts';

/** What the host says of this engine: docs/design/0060-engine-machine.md, schema pkg/engine-setup/engine.schema.json. */
export interface EngineConfiguration {
  /** Empty: the name that the machine has. */
  readonly hostname: string;
  /** Absent: the engine is reached from within the machine only. */
  readonly tls?: { readonly ca: string; readonly certificate: string; readonly key: string };
  readonly port: number;
  /** How the host asks for what the machine alone can do; see pkg/docker/engine-agent. Absent: nobody answers. */
  readonly agent?: { readonly port: number; readonly token: string };
  /** Absent: by DHCP. */
  readonly network?: StaticNetwork;
  /** Addresses that may connect to the port; none: the gateway alone. */
  readonly clients: readonly string[];
  /** dockerd's settings, without those that are the machine's own. */
  readonly daemon: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string>>;
  /** Authorities to trust beside Debian's, each PEM. */
  readonly certificates: readonly string[];
  /** Authorities of single registries, by `host` or `host:port`. */
  readonly registryCertificates: Readonly<Record<string, string>>;
  readonly shares: readonly ShareMount[];
}

export interface ShareMount {
  readonly tag: string;
  /** The same path as on the host. */
  readonly path: string;
  readonly readOnly: boolean;
}

export type Parsed<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'problem'; readonly text: string };

/** What dockerd may not be told by the host: the machine would lose its data or its door. */
const ownSettings = new Set([
  'hosts',
  'tls',
  'tlsverify',
  'tlscacert',
  'tlscert',
  'tlskey',
  'data-root',
  'exec-root',
  'pidfile',
  'containerd',
]);

/** Folders of the engine's own that a share would hide. */
const ownFolders = [
  '/bin',
  '/dev',
  '/etc',
  '/lib',
  '/lib64',
  '/proc',
  '/run',
  '/sbin',
  '/sys',
  '/usr',
  '/var/lib',
  '/var/run',
];

/** 2376 is IANA's port for Docker's API over TLS. */
const defaultPort = 2376;

/** The machine's defaults, for an image that is started without a word from the host. */
export function defaultConfiguration(): EngineConfiguration {
  return {
    hostname: '',
    port: defaultPort,
    clients: [],
    daemon: {},
    environment: {},
    certificates: [],
    registryCertificates: {},
    shares: [],
  };
}

/** Unknown keys are left alone, so that an older image serves a newer host. */
export function parseConfiguration(text: string): Parsed<EngineConfiguration> {
  let root: Readonly<Record<string, unknown>>;
  try {
    root = asRecord(JSON.parse(text));
  } catch (error) {
    return { kind: 'problem', text: `the configuration is no JSON: ${String(error)}` };
  }
  const version = root['version'];
  if (version !== 1)
    return { kind: 'problem', text: `configuration version ${String(version)}; this image reads 1` };
  const tls = asRecord(root['tls']);
  const keys = { ca: asText(tls['ca']), certificate: asText(tls['certificate']), key: asText(tls['key']) };
  const given = Object.values(keys).filter((value) => value !== '').length;
  if (given !== 0 && given !== 3)
    return { kind: 'problem', text: 'tls needs all of ca, certificate and key' };
  const port = root['port'] ?? defaultPort;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return { kind: 'problem', text: `port ${String(port)} is none: 1 to 65535` };
  }
  const agent = root['agent'] === undefined ? undefined : readAgent(asRecord(root['agent']));
  if (typeof agent === 'string') return { kind: 'problem', text: agent };
  const network = root['network'] === undefined ? undefined : readStaticNetwork(root['network']);
  if (typeof network === 'string') return { kind: 'problem', text: network };
  const shares = asList(root['shares']).map(readShare);
  for (const share of shares) {
    const problem = shareProblem(share);
    if (problem !== undefined) return { kind: 'problem', text: problem };
  }
  return {
    kind: 'value',
    value: {
      ...defaultConfiguration(),
      hostname: asText(root['hostname']),
      ...(given === 0 ? {} : { tls: keys }),
      port,
      ...(agent === undefined ? {} : { agent }),
      ...(network === undefined ? {} : { network }),
      clients: asList(root['clients']).map(asText),
      daemon: Object.fromEntries(
        Object.entries(asRecord(root['daemon'])).filter(([name]) => !ownSettings.has(name)),
      ),
      environment: texts(root['environment']),
      certificates: asList(root['certificates']).map(asText),
      registryCertificates: texts(root['registryCertificates']),
      // A folder before the folders within it, whatever order they came in.
      shares: shares.toSorted((one, other) => (one.path < other.path ? -1 : 1)),
    },
  };
}

function readAgent(agent: Readonly<Record<string, unknown>>): { port: number; token: string } | string {
  const { port } = agent;
  const token = asText(agent['token']);
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535)
    return `agent port ${String(port)} is none: 1 to 65535`;
  // It becomes a line of a file that a shell reads.
  if (!/^[0-9a-f]{32,}$/.test(token)) return 'agent token: at least 32 hexadecimal digits';
  return { port, token };
}

function readShare(value: unknown): ShareMount {
  const share = asRecord(value);
  return { tag: asText(share['tag']), path: asText(share['path']), readOnly: share['readOnly'] === true };
}

function shareProblem({ tag, path }: ShareMount): string | undefined {
  if (!/^[\w.-]{1,36}$/.test(tag)) return `share tag "${tag}": 1 to 36 letters, digits, "_", "." and "-"`;
  // In one spelling only: another would pass for none of our own folders.
  const isPlain = path.split('/').every((name, at) => at === 0 || !['', '.', '..'].includes(name));
  if (!/^\/[^\n\t]+$/.test(path) || !isPlain) return `share path "${path}" is not absolute`;
  const own = ownFolders.find((folder) => path === folder || path.startsWith(`${folder}/`));
  if (own !== undefined || path === '/var') return `share path "${path}" would hide the engine's own files`;
  return undefined;
}

function texts(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(asRecord(value)).flatMap(([name, text]) =>
      typeof text === 'string' ? [[name, text]] : [],
    ),
  );
}
