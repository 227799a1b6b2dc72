import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { OrlopError } from '@orlop/core';
import type { ForwardSpec, NetworkConfig, SshForwardSpec, TcpPlace } from '@orlop/vnet';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import type { GvproxyOptions } from './gvproxy.ts';
import { type GvproxyFile, networkOfStack, readGvproxyFile } from './gvproxy-file.ts';

/** gvproxy's addresses, which its users have written down. */
const SUBNET = '192.168.127.0/24';
const GUEST = '192.168.127.2';
const GUEST_MAC = '5a:94:ef:e4:0c:ee';
const GATEWAY_MAC = '5a:94:ef:e4:0c:dd';
const GUEST_UUID = 'c3d68012-0208-11ea-9fd7-f2189899ab08';
const MTU = 1500;

export interface GvproxyPlan {
  readonly config: NetworkConfig;
  readonly forwards: readonly ForwardSpec[];
  readonly vpnkitMacs: Readonly<Record<string, string>>;
  readonly sshPort: number;
  readonly places: readonly string[];
  /** Of the places, to be removed at the end. */
  readonly socketPaths: readonly string[];
  readonly apiPlaces: readonly (string | TcpPlace)[];
  /** The API without `/connect`. */
  readonly servicesPlace: string | TcpPlace | undefined;
  readonly notificationPath: string | undefined;
  readonly captureFile: string | undefined;
  readonly sshForwards: readonly SshForwardSpec[];
  readonly pidFile: string | undefined;
  readonly logFile: string | undefined;
  readonly debug: boolean;
  readonly endsWithGuest: boolean;
}

/**
 * What the command line and the file of `-config` ask for together; the command line goes first, and with a file there
 * are none of the forwards, leases and names that gvproxy has without one.
 *
 * @throws OrlopError `cli.bad-option`, `net.no-config`, `net.config-invalid`
 */
export async function planGvproxy(context: CommandContext, options: GvproxyOptions): Promise<GvproxyPlan> {
  const file = options.config === undefined ? undefined : await readGvproxyFile(context, options.config);
  const { stack = {}, interfaces = {} } = file ?? {};
  const sshPort = readSshPort(options.sshPort);
  const path = (text: string) => resolve(context.cwd, text);
  const optionalPath = (text: string | undefined) => (text === undefined ? undefined : path(text));
  const links = readLinks(
    {
      qemu: options.listenQemu ?? interfaces.qemu,
      bess: options.listenBess ?? interfaces.bess,
      vfkit: options.listenVfkit ?? interfaces.vfkit,
      vpnkit: options.listenVpnkit ?? interfaces.vpnkit,
    },
    path,
  );
  const stdio = options.listenStdio ?? interfaces.stdio ?? '';
  const services = options.services ?? file?.services;
  const notification = options.notification ?? file?.notification;
  return {
    config: await configOf(options, file),
    forwards: await forwardsOf(file, sshPort),
    vpnkitMacs: file === undefined ? { [GUEST_UUID]: GUEST_MAC } : (stack.vpnKitUUIDMacAddresses ?? {}),
    sshPort: sshPort ?? 0,
    places: stdio === '' ? links.places : [...links.places, 'stdio'],
    socketPaths: links.socketPaths,
    apiPlaces: (options.listen ?? file?.listen ?? []).map((endpoint) =>
      apiPlaceOf('-listen', endpoint, path),
    ),
    servicesPlace: services === undefined ? undefined : apiPlaceOf('-services', services, path),
    // In the file it is a path, on the command line unix://PATH; either is taken in both.
    notificationPath:
      notification === undefined ? undefined : path(notificationPathOf(notification, options.notification)),
    captureFile: optionalPath(options.pcap ?? stack['capture-file']),
    sshForwards: readSshForwards(options, file, path),
    pidFile: optionalPath(options.pidFile ?? file?.['pid-file']),
    logFile: optionalPath(options.logFile ?? file?.['log-file']),
    debug: options.debug === true || stack.debug === true || file?.['log-level']?.toLowerCase() === 'debug',
    endsWithGuest: links.places.length > 0 && !links.places.some((place) => place.startsWith('vpnkit:')),
  };
}

async function configOf(options: GvproxyOptions, file: GvproxyFile | undefined): Promise<NetworkConfig> {
  const { hostSearchDomains, zoneOfGvproxy } = await import('@orlop/vnet');
  const stack = file?.stack ?? {};
  const own =
    file === undefined
      ? { leases: [{ mac: GUEST_MAC, address: GUEST }], search: hostSearchDomains() }
      : networkOfStack(stack, zoneOfGvproxy);
  return {
    name: 'gvproxy',
    subnet: SUBNET,
    gatewayMac: GATEWAY_MAC,
    mtu: options.mtu === undefined ? (stack.mtu ?? MTU) : Number(options.mtu),
    metadataAccess:
      options.ec2MetadataAccess ?? file?.['ec2-metadata-access'] ?? stack.ec2MetadataAccess ?? false,
    ...own,
  };
}

/** Those of the file; without one, the guest's SSH. */
async function forwardsOf(
  file: GvproxyFile | undefined,
  sshPort: number | undefined,
): Promise<readonly ForwardSpec[]> {
  const { parseExpose, parseForwards } = await import('@orlop/vnet');
  if (file !== undefined) {
    return Object.entries(file.stack?.forwards ?? {}).map(([local, remote]) =>
      parseExpose({
        local: local.replace(/^udp:/, ''),
        remote,
        protocol: local.startsWith('udp:') ? 'udp' : 'tcp',
      }),
    );
  }
  return sshPort === undefined ? [] : parseForwards(`127.0.0.1:${sshPort}:${GUEST}:22`);
}

/** Undefined where port 22 of the guest is not to be reached. */
function readSshPort(text: string): number | undefined {
  const port = Number(text);
  if (port === -1) return undefined;
  if (Number.isInteger(port) && port >= 1024 && port <= 65_535) return port;
  throw bad(`-ssh-port ${text} is not 1024 to 65535, nor -1 for none`);
}

const LINKS = [
  { kind: 'qemu', scheme: 'unix' },
  { kind: 'bess', scheme: 'unixpacket' },
  { kind: 'vfkit', scheme: 'unixgram' },
  { kind: 'vpnkit', scheme: 'unix' },
] as const;

type LinkEndpoints = Readonly<Record<(typeof LINKS)[number]['kind'], string | undefined>>;

function readLinks(
  endpoints: LinkEndpoints,
  path: (text: string) => string,
): { readonly places: string[]; readonly socketPaths: string[] } {
  const places: string[] = [];
  const socketPaths: string[] = [];
  for (const { kind, scheme } of LINKS) {
    const endpoint = endpoints[kind];
    if (endpoint === undefined || endpoint === '') continue;
    const tcp = /^tcp:\/\/(.+:\d+)$/.exec(endpoint)?.[1];
    if (kind === 'qemu' && tcp !== undefined) {
      places.push(`qemu:${tcp}`);
      continue;
    }
    const socket = path(pathOf(endpoint, scheme));
    if (statSync(socket, { throwIfNoEntry: false }) !== undefined) throw bad(`"${socket}" already exists`);
    places.push(`${kind}:${socket}`);
    socketPaths.push(socket);
  }
  const { qemu, bess, vpnkit } = endpoints;
  if ([qemu, bess, vpnkit].filter((one) => one !== undefined && one !== '').length > 1) {
    throw bad('-listen-qemu, -listen-bess and -listen-vpnkit exclude each other');
  }
  return { places, socketPaths };
}

function pathOf(endpoint: string, scheme: string): string {
  const match = /^([a-z]+):\/\/(.+)$/.exec(endpoint);
  if (match?.[1] !== scheme || match[2] === undefined) throw bad(`"${endpoint}" is not ${scheme}://PATH`);
  return match[2];
}

function notificationPathOf(text: string, option: string | undefined): string {
  return option === undefined && text.startsWith('/') ? text : pathOf(text, 'unix');
}

function apiPlaceOf(flag: string, endpoint: string, path: (text: string) => string): string | TcpPlace {
  const [, six, four, port] = /^tcp:\/\/(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(endpoint) ?? [];
  if (port !== undefined) return { host: six ?? four ?? '', port: Number(port) };
  if (endpoint.startsWith('unix://')) return path(pathOf(endpoint, 'unix'));
  throw bad(`${flag} "${endpoint}" is neither unix://PATH nor tcp://ADDRESS:PORT; vsock is not listened on`);
}

/** Those of the file, and those of the command line. */
function readSshForwards(
  options: GvproxyOptions,
  file: GvproxyFile | undefined,
  path: (text: string) => string,
): SshForwardSpec[] {
  const { forwardSock = [], forwardDest = [], forwardUser = [], forwardIdentity = [] } = options;
  const counts = [forwardDest, forwardUser, forwardIdentity].map(({ length }) => length);
  if (counts.some((count) => count !== forwardSock.length)) {
    throw bad('-forward-sock, -forward-dest, -forward-user and -forward-identity are given equally often');
  }
  const given = forwardSock.map((socket, i) => ({
    ...{ socket, dest: forwardDest[i] ?? '', user: forwardUser[i] ?? '' },
    identity: forwardIdentity[i] ?? '',
  }));
  return [...(file?.forwards ?? []), ...given].map(({ socket, dest, user, identity: key }) => {
    const identity = path(key);
    if (statSync(identity, { throwIfNoEntry: false }) === undefined) {
      throw bad(`-forward-identity ${identity} is not there`);
    }
    return { path: path(socket.replace(/^unix:\/\//, '')), destination: dest, user, identity };
  });
}

function bad(message: string): OrlopError {
  return cliError('cli.bad-option', message);
}
