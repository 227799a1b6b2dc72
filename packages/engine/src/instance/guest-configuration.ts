import { createHmac } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { normalize } from 'node:path';
import type { Share } from '@orlop/vm';
import { engineError } from '../errors.ts';
import { hidesMachine } from '../files/machine-folders.ts';
import { REGISTRY_PORT } from '../registry/registry-paths.ts';
import type { LayeredSettings } from '../settings/layered-settings.ts';
import type { SettingName } from '../settings/schema.ts';
import type { InstanceCredentials } from '../tls/instance-authority.ts';

/** dockerd's port in the machine, which only the gateway may reach. */
export const DOCKER_PORT = 2376;
/** The name of the file in the machine's firmware interface. */
export const GUEST_CONFIGURATION_NAME = 'opt/orlop/engine';
const HOST_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/** Where the machine answers about its disk, memory and clock; only the gateway may reach it too. */
export const AGENT_PORT = 2373;

/** What the machine is told at its start; the other side is guest/src/engine/configuration.ts. */
export interface GuestConfiguration {
  readonly version: 1;
  readonly hostname: string;
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  readonly port: number;
  readonly agent: { readonly port: number; readonly token: string };
  readonly daemon: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly certificates: readonly string[];
  readonly shares: readonly { readonly tag: string; readonly path: string; readonly readOnly: boolean }[];
}

export interface GuestConfigurationInput {
  readonly name: string;
  readonly settings: LayeredSettings;
  readonly credentials: InstanceCredentials;
  /** Under which the machine reaches the host's loopback. */
  readonly hostAddress: string | undefined;
  /** Under which the machine reaches the registry of the home. */
  readonly gatewayAddress: string;
}

export async function guestConfiguration(input: GuestConfigurationInput): Promise<GuestConfiguration> {
  const { name, settings, credentials } = input;
  const { authority, server } = credentials;
  return {
    version: 1,
    hostname: name === 'default' ? 'orlop' : `orlop-${name}`,
    tls: { ca: authority, certificate: server.certificate, key: server.key },
    port: DOCKER_PORT,
    agent: { port: AGENT_PORT, token: agentToken(credentials) },
    daemon: daemonSettings(settings, input),
    environment: proxyEnvironment(settings, input),
    certificates: await readAuthorities(settings.texts('certificates')),
    shares: parseShares(settings.texts('shares')).map(({ tag, path, readOnly }) => ({ tag, path, readOnly })),
  };
}

/** As secret as the server's key, and as long-lived, without a file of its own. */
export function agentToken({ server }: InstanceCredentials): string {
  return createHmac('sha256', server.key).update('orlop engine agent').digest('hex');
}

function daemonSettings(
  settings: LayeredSettings,
  { hostAddress, gatewayAddress }: Pick<GuestConfigurationInput, 'hostAddress' | 'gatewayAddress'>,
): Readonly<Record<string, unknown>> {
  return {
    // `--add-host NAME:host-gateway` means the host; dockerd's own answer is the machine.
    ...(hostAddress !== undefined && { 'host-gateway-ip': hostAddress }),
    // Docker listens where `-p` says; here the host does, and has addresses that the machine has not.
    'userland-proxy': false,
    ...settings.object('docker.daemon'),
    ...registrySettings(settings, gatewayAddress),
  };
}

/** The keys of dockerd's file that say whom it asks for images; those it takes over while it runs. */
export function registrySettings(
  settings: LayeredSettings,
  gatewayAddress: string,
): Readonly<Record<'registry-mirrors' | 'insecure-registries', readonly unknown[]>> {
  // The user's own images first; plain HTTP, since nothing but the gateway is in between. BuildKit asks a mirror by HTTPS
  // whatever its URL says, unless it is among the insecure ones.
  const local = `${gatewayAddress}:${REGISTRY_PORT}`;
  const further = settings.object('docker.daemon');
  const listed = (setting: SettingName, key: string): readonly unknown[] => {
    const own = settings.texts(setting);
    const other = further[key];
    return own.length === 0 && Array.isArray(other) ? other : own;
  };
  return {
    'registry-mirrors': [`http://${local}`, ...listed('docker.mirrors', 'registry-mirrors')],
    'insecure-registries': [local, ...listed('docker.insecureRegistries', 'insecure-registries')],
  };
}

/** What the host calls its loopback is another machine's to the guest. */
function proxyEnvironment(
  settings: LayeredSettings,
  { hostAddress, gatewayAddress }: Pick<GuestConfigurationInput, 'hostAddress' | 'gatewayAddress'>,
): Readonly<Record<string, string>> {
  const proxies = [settings.text('proxy.http'), settings.text('proxy.https')];
  if (proxies.every((proxy) => proxy === '')) return {};
  // The registry of the home, and the host itself, are on this side of every proxy.
  const direct = [
    ...settings.texts('proxy.no'),
    gatewayAddress,
    ...(hostAddress === undefined ? [] : [hostAddress]),
  ];
  const reachable = (url: string) =>
    hostAddress === undefined
      ? url
      : url.replace(/\/\/([^@/]*@)?(?:localhost|127\.0\.0\.1|\[::1\])(?=[:/]|$)/, `//$1${hostAddress}`);
  const values: [string, string][] = [
    ['HTTP_PROXY', reachable(settings.text('proxy.http'))],
    ['HTTPS_PROXY', reachable(settings.text('proxy.https'))],
    ['NO_PROXY', [...direct, 'host.docker.internal'].join(',')],
  ];
  return Object.fromEntries(
    values
      .filter(([, value]) => value !== '')
      .flatMap(([name, value]) => [
        [name, value],
        [name.toLowerCase(), value],
      ]),
  );
}

/** @throws OrlopError `engine.bad-setting` for a file that is not there, or is none */
export async function readAuthorities(files: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    const path = file === 'host' ? HOST_AUTHORITIES : file;
    const pem = await readFile(path, 'utf8').catch((cause) => {
      throw engineError('engine.bad-setting', `certificates: ${path} cannot be read`, { cause });
    });
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
    if (blocks === null)
      throw engineError('engine.bad-setting', `certificates: ${path} has none in PEM form`);
    found.push(`${blocks.join('\n')}\n`);
  }
  return found;
}

export interface HostShare {
  readonly tag: string;
  readonly path: string;
  readonly readOnly: boolean;
}

export function parseShares(texts: readonly string[]): HostShare[] {
  return texts.map((text, index) => {
    const readOnly = text.endsWith(':ro');
    const path = normalize(text.replace(/:r[ow]$/, '')).replace(/(.)\/$/, '$1');
    if (!path.startsWith('/')) {
      throw engineError('engine.bad-setting', `shares: "${text}" is no absolute path`);
    }
    return { tag: `share${index}`, path, readOnly };
  });
}

/** @throws OrlopError `engine.bad-setting` for a folder that is not there, or that the machine cannot have */
export async function machineShares(texts: readonly string[]): Promise<Share[]> {
  const shares = parseShares(texts);
  for (const [index, { path }] of shares.entries()) {
    const problem = shareProblem(path);
    if (problem !== undefined) throw engineError('engine.bad-setting', `shares: ${path} ${problem}`);
    if (shares.findIndex((other) => other.path === path) !== index)
      throw engineError('engine.bad-setting', `shares: ${path} is there twice`);
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() !== true) {
      throw engineError('engine.bad-setting', `shares: there is no folder ${path}`, {
        hint: 'orlop config set shares PATH,PATH:ro',
      });
    }
  }
  return shares.map(({ tag, path, readOnly }) => ({ kind: 'virtiofs', tag, hostPath: path, readOnly }));
}

/** What the machine would refuse in the middle of its start. */
function shareProblem(path: string): string | undefined {
  if (hidesMachine(path)) return "would hide the engine's own files";
  if (/[\n\t]/.test(path)) return 'has a line feed or a tab in its name';
  return undefined;
}
