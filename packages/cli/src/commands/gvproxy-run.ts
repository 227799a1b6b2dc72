import { createWriteStream, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createLogger, type Logger, type OrlopError } from '@orlop/core';
import type { NetworkConfig, SshForwardSpec, TcpPlace } from '@orlop/vnet';
import { VERSION } from '../build-info.ts';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import type { GvproxyOptions } from './gvproxy.ts';

/** gvproxy's addresses, which its users have written down. */
const SUBNET = '192.168.127.0/24';
const GUEST = '192.168.127.2';
const GUEST_MAC = '5a:94:ef:e4:0c:ee';
const GATEWAY_MAC = '5a:94:ef:e4:0c:dd';

/** @throws OrlopError `cli.bad-option`, and what opening a network throws */
export async function runGvproxy(context: CommandContext, options: GvproxyOptions): Promise<void> {
  if (options.version === true) {
    context.stdout.write(`gvproxy version v${VERSION} (Orlop)\n`);
    return;
  }
  const vnet = await import('@orlop/vnet');
  const plan = readPlan(context, options, vnet.hostSearchDomains());
  const logger = openLogger(context, options);
  const opened = await vnet.openNetwork({
    config: plan.config,
    logger,
    platform: process.platform,
    environment: context.env,
    stdio: { input: context.stdin, output: context.stdout },
  });
  const { network } = opened;
  const folder = await mkdtemp(join(tmpdir(), 'gvproxy-'));
  const guestApi = vnet.gvproxyGatewayServer({ network, logger });
  const apis = plan.apiPlaces.map((place) => ({ place, server: vnet.gvproxyServer({ network, logger }) }));
  const forwards = plan.sshForwards.map(
    (spec, i) =>
      new vnet.SshForward(spec, {
        sshPort: plan.sshPort,
        tunnelPath: join(folder, `ssh${i}.sock`),
        scheduler: vnet.nodeScheduler,
        logger,
      }),
  );
  const ended = new AbortController();
  // As gvproxy: with its one guest its work is done. A port that nobody used (a probe of the socket) is no guest.
  network.onGuestLeft = (macs) => {
    if (plan.endsWithGuest && macs.size > 0) ended.abort();
  };
  try {
    if (plan.pidFile !== undefined) writeFileSync(plan.pidFile, String(process.pid));
    const guestApiPath = join(folder, 'api.sock');
    await guestApi.listen(guestApiPath);
    for (const spec of vnet.parseForwards(`host:80=unix:${guestApiPath}`)) await network.forwards.add(spec);
    for (const { place, server } of apis) await server.listen(place);
    for (const place of plan.places) await opened.listen(vnet.parseLinkSpec(place));
    for (const forward of forwards) await forward.start();
    logger.info('waiting for clients...');
    await aborted(AbortSignal.any([context.signal, ended.signal]));
  } finally {
    for (const forward of forwards) forward.close();
    for (const { server } of [...apis, { server: guestApi }]) server.close();
    opened.close();
    for (const path of [plan.pidFile, ...plan.socketPaths])
      if (path !== undefined) rmSync(path, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
}

interface GvproxyPlan {
  readonly config: NetworkConfig;
  readonly sshPort: number;
  readonly places: readonly string[];
  /** Of the places, to be removed at the end. */
  readonly socketPaths: readonly string[];
  readonly apiPlaces: readonly (string | TcpPlace)[];
  readonly sshForwards: readonly SshForwardSpec[];
  readonly pidFile: string | undefined;
  readonly endsWithGuest: boolean;
}

function readPlan(context: CommandContext, options: GvproxyOptions, search: readonly string[]): GvproxyPlan {
  const sshPort = Number(options.sshPort);
  if (!Number.isInteger(sshPort) || sshPort < 1024 || sshPort > 65_535) {
    throw bad(`-ssh-port ${options.sshPort} is not 1024 to 65535`);
  }
  const path = (text: string) => resolve(context.cwd, text);
  const places: string[] = [];
  const socketPaths: string[] = [];
  for (const { flag, scheme, kind } of LINKS) {
    const endpoint = options[flag];
    if (endpoint === undefined) continue;
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
  const single = places.length;
  const { listenQemu, listenVpnkit, listenBess, listenStdio } = options;
  if ([listenQemu, listenVpnkit, listenBess].filter((one) => one !== undefined).length > 1) {
    throw bad('-listen-qemu, -listen-bess and -listen-vpnkit exclude each other');
  }
  if (listenStdio !== undefined && listenStdio !== '') places.push('stdio');
  return {
    config: {
      name: 'gvproxy',
      subnet: SUBNET,
      mtu: Number(options.mtu),
      gatewayMac: GATEWAY_MAC,
      leases: [{ mac: GUEST_MAC, address: GUEST }],
      search,
      forwards: [`127.0.0.1:${sshPort}:${GUEST}:22`],
    },
    sshPort,
    places,
    socketPaths,
    apiPlaces: (options.listen ?? []).map((endpoint) => apiPlaceOf(endpoint, path)),
    sshForwards: readSshForwards(options, path),
    pidFile: options.pidFile === undefined ? undefined : path(options.pidFile),
    endsWithGuest: single > 0 && listenVpnkit === undefined,
  };
}

const LINKS = [
  { flag: 'listenQemu', scheme: 'unix', kind: 'qemu' },
  { flag: 'listenBess', scheme: 'unixpacket', kind: 'bess' },
  { flag: 'listenVfkit', scheme: 'unixgram', kind: 'vfkit' },
  { flag: 'listenVpnkit', scheme: 'unix', kind: 'vpnkit' },
] as const;

function pathOf(endpoint: string, scheme: string): string {
  const match = /^([a-z]+):\/\/(.+)$/.exec(endpoint);
  if (match?.[1] !== scheme || match[2] === undefined) throw bad(`"${endpoint}" is not ${scheme}://PATH`);
  return match[2];
}

function apiPlaceOf(endpoint: string, path: (text: string) => string): string | TcpPlace {
  const [, six, four, port] = /^tcp:\/\/(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(endpoint) ?? [];
  if (port !== undefined) return { host: six ?? four ?? '', port: Number(port) };
  if (endpoint.startsWith('unix://')) return path(pathOf(endpoint, 'unix'));
  throw bad(`-listen "${endpoint}" is neither unix://PATH nor tcp://ADDRESS:PORT; vsock is not listened on`);
}

function readSshForwards(options: GvproxyOptions, path: (text: string) => string): SshForwardSpec[] {
  const { forwardSock = [], forwardDest = [], forwardUser = [], forwardIdentity = [] } = options;
  const counts = [forwardDest, forwardUser, forwardIdentity].map(({ length }) => length);
  if (counts.some((count) => count !== forwardSock.length)) {
    throw bad('-forward-sock, -forward-dest, -forward-user and -forward-identity are given equally often');
  }
  return forwardSock.map((socket, i) => {
    const identity = path(forwardIdentity[i] ?? '');
    if (statSync(identity, { throwIfNoEntry: false }) === undefined) {
      throw bad(`-forward-identity ${identity} is not there`);
    }
    const destination = forwardDest[i] ?? '';
    const user = forwardUser[i] ?? '';
    return { path: path(socket.replace(/^unix:\/\//, '')), destination, user, identity };
  });
}

function openLogger(context: CommandContext, { logFile, debug }: GvproxyOptions): Logger {
  if (logFile === undefined)
    return debug === true ? createLogger('debug', lineTo(context.stderr)) : context.logger;
  return createLogger(
    debug === true ? 'debug' : 'info',
    lineTo(createWriteStream(resolve(context.cwd, logFile))),
  );
}

function lineTo(out: NodeJS.WritableStream): (line: string) => void {
  return (line) => void out.write(`${line}\n`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((settle) => {
    if (signal.aborted) settle();
    else signal.addEventListener('abort', () => settle(), { once: true });
  });
}

function bad(message: string): OrlopError {
  return cliError('cli.bad-option', message);
}
