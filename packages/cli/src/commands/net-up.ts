import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { NetworkConfig, OpenNetwork } from '@orlop/vnet';
import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { untilAborted } from '../until-aborted.ts';
import { each } from './each.ts';
import { type NetworkPaths, networkPaths } from './net-paths.ts';

export interface NetUpOptions {
  readonly config?: string;
  readonly listen?: readonly string[];
  readonly forward?: readonly string[];
  readonly subnet?: string;
  readonly mtu?: string;
  readonly dataPlane?: 'auto' | 'native' | 'node';
  readonly detach?: boolean;
  readonly idleExit?: string;
  readonly services?: string;
  readonly vpnkitControl?: string;
  readonly vpnkitPort?: string;
}

export function registerNetUp(net: Command, context: CommandContext): void {
  net
    .command('up')
    .argument('[name]', 'of the network', 'default')
    .description('start a virtual network, and print how a machine joins it')
    .option('-c, --config <file>', 'the network in YAML or JSON')
    .option('-l, --listen <place>', 'where guests plug in; may be given again', each)
    .option('-f, --forward <forward>', 'lead a port of the host to a guest; may be given again', each)
    .option('--subnet <cidr>', 'of the guests, in place of 192.168.127.0/24')
    .option('--mtu <bytes>', 'largest IP packet, in place of 65520')
    .addOption(
      new Option('--data-plane <kind>', 'native: system calls, Linux')
        .choices(['auto', 'native', 'node'])
        .default('auto'),
    )
    .option('--services <path>', "answer gvproxy's HTTP API on this unix socket too")
    .option('--vpnkit-control <path>', "answer VPNKit's HTTP port control on this unix socket too")
    .option('--vpnkit-port <path>', "answer VPNKit's 9P port control on this unix socket too")
    .option('-d, --detach', 'go on in the background')
    .option('--idle-exit <seconds>', 'end when no machine was plugged in for that long')
    .addHelpText('after', HELP)
    .action(async (name: string, options: NetUpOptions) => {
      if (options.detach === true) {
        const { startDetached } = await import('./net-process.ts');
        const client = await startDetached(context, { name, options });
        const status = await client.status();
        context.stdout.write(`${status.name}\n`);
        return;
      }
      await runNetwork(context, name, options);
    });
}

const HELP = `
A place is one of
  PATH, qemu:PATH, qemu:ADDRESS:PORT   QEMU's -netdev stream
  dgram:OWN_PATH,PEER_PATH             QEMU's -netdev dgram
  vpnkit:PATH                          VPNKit's clients
  vfkit:PATH, bess:PATH                bare frames in datagrams, in packets
  tap:NAME[@NAMESPACE]                 a TAP interface of Linux (as root)
  stdio                                16-bit lengths on standard input and output

A forward is [ADDRESS:]HOSTPORT:[GUEST:]GUESTPORT[/udp], unix:PATH:[GUEST:]GUESTPORT,
or host:PORT=unix:PATH for the other direction.`;

/**
 * V8 optimizes what has run this much, by default after 67,584 bytes of bytecode. The data path is warm after 1000
 * connections rather than 2000. Set only now: nothing of the start is worth optimizing.
 */
const OPTIMIZE_EARLIER = '--interrupt-budget=20000';

async function runNetwork(context: CommandContext, name: string, options: NetUpOptions): Promise<void> {
  const idleSeconds = readNumber(options.idleExit, '--idle-exit');
  const idleMs = idleSeconds === undefined ? undefined : idleSeconds * 1000;
  setFlagsFromString(OPTIMIZE_EARLIER);
  const vnet = await import('@orlop/vnet');
  const { keepLogsShort } = await import('@orlop/vm');
  const { logger } = context;
  const paths = networkPaths(context, name);
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  await refuseSecond(new vnet.NetworkClient(paths.control), name);
  const places = options.listen ?? [paths.qemu];
  const specs = places.map(vnet.parseLinkSpec);
  const opened = await vnet.openNetwork({
    config: await readConfig(context, name, options),
    logger,
    platform: process.platform,
    environment: context.env,
    leasePath: paths.leases,
    dataPlane: options.dataPlane ?? 'auto',
    stdio: { input: context.stdin, output: context.stdout },
  });
  const { network } = opened;
  const stopped = new AbortController();
  const stopGivingBack = opened.poller && vnet.giveBackWhenIdle(opened.poller);
  const served = serveNetwork({ vnet, context, opened, paths, places, options, stop: () => stopped.abort() });
  if (places.every((place) => place === 'stdio')) {
    // Who came by standard input and output (over ssh) has left for good, and nobody else can come.
    const { onGuestLeft } = network;
    network.onGuestLeft = (macs) => {
      onGuestLeft?.(macs);
      stopped.abort();
    };
  }
  try {
    await served.restore();
    for (const spec of specs) await opened.listen(spec);
    await served.listen();
    // On standard output are frames when that is a link.
    const out = places.includes('stdio') ? context.stderr : context.stdout;
    for (const forward of network.forwards.list()) out.write(`${vnet.formatForward(forward.spec)}\n`);
    for (const line of describeJoining(opened, places)) out.write(`${line}\n`);
    keepLogsShort(
      { machines: context.paths.machines, logs: [paths.log] },
      {
        signal: AbortSignal.any([stopped.signal, context.signal]),
        onError: (error) => logger.warn('a log cannot be cut', { reason: error.message }),
      },
    );
    await untilStopped(context, { opened, stopped: stopped.signal, idleMs });
  } finally {
    stopGivingBack?.();
    served.close();
    opened.close();
  }
}

interface ServedRequest {
  readonly vnet: typeof import('@orlop/vnet');
  readonly context: CommandContext;
  readonly opened: OpenNetwork;
  readonly paths: NetworkPaths;
  readonly places: readonly string[];
  readonly options: NetUpOptions;
  /** What the control socket ends the network by. */
  readonly stop: () => void;
}

/** What is around an open network: machines that are plugged in, servers that are told what to do, and what is kept. */
interface ServedNetwork {
  /** Takes up what an earlier process had been told. */
  restore(): Promise<void>;
  listen(): Promise<void>;
  close(): void;
}

function serveNetwork({ vnet, context, opened, paths, places, options, stop }: ServedRequest): ServedNetwork {
  const { network, sockets } = opened;
  const { logger } = context;
  const cables = new vnet.Cables({
    connect: (path) => vnet.connectQemu(path, { sockets, mtu: network.settings.mtu }),
    attach: (link, machine) => network.attach(link, machine),
    scheduler: vnet.nodeScheduler,
  });
  const machines = new vnet.Machines(network, cables);
  const control = new vnet.ControlServer({
    ...{ opened, machines, logger, stop },
    path: paths.control,
    listen: places,
    pid: process.pid,
  });
  const keeper = new vnet.StateKeeper({
    ...{ network, machines, logger },
    store: vnet.stateFile(paths.state),
    scheduler: vnet.nodeScheduler,
  });
  const compatible = [
    { path: options.services, server: vnet.gvproxyServer({ network, logger }) },
    { path: options.vpnkitControl, server: vnet.vpnkitServer({ network, logger }) },
    { path: options.vpnkitPort, server: new vnet.PortServer(network.forwards) },
  ];
  return {
    restore: () => keeper.restore(),
    async listen() {
      for (const { path, server } of compatible) {
        if (path !== undefined) await server.listen(resolve(context.cwd, path.replace(/^unix:\/\//, '')));
      }
      await control.listen();
    },
    close() {
      keeper.close();
      cables.close();
      control.close();
      for (const { server } of compatible) server.close();
    },
  };
}

/** @throws OrlopError `cli.bad-option` */
function readNumber(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw cliError('cli.bad-option', `${option} "${text}" is not a whole number`);
}

async function refuseSecond(client: import('@orlop/vnet').NetworkClient, name: string): Promise<void> {
  const running = await client.status().catch(() => undefined);
  if (running === undefined) return;
  throw cliError('net.running', `the network "${name}" is up already (process ${running.pid})`, {
    hint: `orlop net down ${name}`,
  });
}

async function readConfig(
  context: CommandContext,
  name: string,
  options: NetUpOptions,
): Promise<NetworkConfig> {
  const { config: file, forward, subnet } = options;
  const mtu = readNumber(options.mtu, '--mtu');
  const read = file === undefined ? {} : await readConfigFile(context, file);
  return {
    ...read,
    name,
    ...(subnet !== undefined && { subnet }),
    ...(mtu !== undefined && { mtu }),
    ...(forward !== undefined && { forwards: [...(read.forwards ?? []), ...forward] }),
  };
}

/** Only then is a reader of YAML needed, which is a megabyte. */
async function readConfigFile(context: CommandContext, file: string): Promise<NetworkConfig> {
  const { readNetworkFile } = await import('./net-config.ts');
  return readNetworkFile(context, file);
}

/** What to write on QEMU's command line; other kinds of links are at their own ends. */
function describeJoining({ network }: OpenNetwork, places: readonly string[]): string[] {
  const { mtu, subnet, gateway } = network.settings;
  const lines = [`network ${network.settings.name}: ${subnet}, gateway ${gateway}, mtu ${mtu}`];
  for (const place of places) {
    const path = /^(?:qemu:|unix:)?([^:]*\/.*)$/.exec(place)?.[1];
    lines.push(
      path === undefined
        ? `listening on ${place}`
        : `qemu-system-x86_64 … -netdev stream,id=net0,server=off,addr.type=unix,addr.path=${path} ` +
            `-device virtio-net-pci,netdev=net0,host_mtu=${mtu}`,
    );
  }
  return lines;
}

/** At most, between two looks for whether anybody is plugged in. */
const IDLE_LOOK_MS = 5000;

interface Waiting {
  readonly opened: OpenNetwork;
  readonly stopped: AbortSignal;
  readonly idleMs: number | undefined;
}

/** Ends by Ctrl-C, by the control socket, or when nobody was plugged in for `idleMs`. */
async function untilStopped(context: CommandContext, { opened, stopped, idleMs }: Waiting): Promise<void> {
  const idle = new AbortController();
  const timer =
    idleMs === undefined ? undefined : whenIdle(opened.network.segment, idleMs, () => idle.abort());
  // What came while the network was opened counts, too.
  await untilAborted(AbortSignal.any([context.signal, stopped, idle.signal]));
  clearInterval(timer);
}

/** @returns what looks for it, until it is cleared */
function whenIdle(
  segment: OpenNetwork['network']['segment'],
  idleMs: number,
  onIdle: () => void,
): NodeJS.Timeout {
  let idleSince = performance.now();
  const look = () => {
    const busy = !segment.ports().next().done;
    if (busy) idleSince = performance.now();
    else if (performance.now() - idleSince >= idleMs) onIdle();
  };
  return setInterval(look, Math.min(idleMs / 4, IDLE_LOOK_MS));
}
