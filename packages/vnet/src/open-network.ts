import { randomFillSync, randomInt } from 'node:crypto';
import type { Logger, Random } from '@orlop/core';
import { createStack } from '@orlop/netstack';
import type { MacAddress } from '@orlop/wire';
import { Captures } from './capture/captures.ts';
import { type NetworkConfig, type NetworkSettings, readNetworkConfig } from './config.ts';
import { leaseFile } from './dhcp/lease-file.ts';
import { CachingResolver } from './dns/caching-resolver.ts';
import { ForwardingResolver } from './dns/forwarding-resolver.ts';
import { HostResolver } from './dns/host-resolver.ts';
import { RESOLV_CONF, ResolvConfFile } from './dns/resolv-conf.ts';
import { vnetError } from './errors.ts';
import { FlowTable } from './flows/flow-table.ts';
import { GuestRoutes } from './gateway/guest-routes.ts';
import { descriptorLimit } from './host/descriptor-limit.ts';
import { hostAddresses } from './host/host-addresses.ts';
import type { HostListener, HostSockets } from './host/host-sockets.ts';
import { createNodeSockets } from './host/node-sockets.ts';
import { pingProgram } from './host/ping-program.ts';
import { removeDeadSocket } from './host/socket-path.ts';
import { type SocketShares, shareSockets } from './host/socket-shares.ts';
import type { Link } from './link/link.ts';
import type { LinkSpec } from './link/link-spec.ts';
import { listenBess, listenVfkit, openQemuDgram } from './link/packet-listener.ts';
import { openStdioLink } from './link/stdio-link.ts';
import { listenQemu, listenVpnkit } from './link/stream-listener.ts';
import { openTap } from './link/tap.ts';
import { createNativeSockets } from './native/native-sockets.ts';
import { Poller } from './native/poller.ts';
import { nodeScheduler, schedulerOf } from './node-scheduler.ts';
import { HttpProxy } from './proxy/http-proxy.ts';
import { newProxyCounters, type ProxyCounters } from './proxy/proxy-counters.ts';
import { readProxyConfig } from './proxy/proxy-settings.ts';
import { VirtualNetwork } from './virtual-network.ts';
import { admitVpnkitGuest, readVpnkitMacs } from './vpnkit-guests.ts';

export interface OpenNetworkOptions {
  readonly config: NetworkConfig;
  readonly logger: Logger;
  readonly platform: string;
  /** Where leases are kept. @default nowhere */
  readonly leasePath?: string;
  /** Sockets by system calls (Linux) or by Node. @default native where it works */
  readonly dataPlane?: 'auto' | 'native' | 'node';
  /** @default '/etc/resolv.conf' */
  readonly resolvConfPath?: string;
  /** For `proxy.environment`. @default nothing */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Ethernet addresses of VPNKit's clients, by their UUID. @default made from the UUID */
  readonly vpnkitMacs?: Readonly<Record<string, string>>;
  /** For the stdio link. */
  readonly stdio?: { readonly input: NodeJS.ReadableStream; readonly output: NodeJS.WritableStream };
}

/** A network on real sockets. */
export interface OpenNetwork {
  readonly network: VirtualNetwork;
  readonly sockets: HostSockets;
  /** What its sockets wait by; other descriptors of the process may too. Absent where system calls are not at hand. */
  readonly poller: Poller | undefined;
  readonly captures: Captures;
  readonly flows: FlowTable;
  readonly dnsCache: CachingResolver;
  readonly dnsForwarding: ForwardingResolver;
  /** What its proxies did. */
  readonly proxyCounters: Readonly<ProxyCounters>;
  /** Opens a place for guests to plug in, or a cable. @throws OrlopError */
  listen(spec: LinkSpec): Promise<void>;
  close(): void;
}

const systemRandom: Random = {
  fill: (into) => {
    randomFillSync(into);
  },
  u32: () => randomInt(0x1_0000_0000),
};

/** @throws OrlopError `vnet.config-invalid`, `vnet.address-invalid`, `vnet.bind-failed`, `vnet.lease-file-invalid`, `vnet.native-unavailable` */
export async function openNetwork(options: OpenNetworkOptions): Promise<OpenNetwork> {
  const settings = readNetworkConfig(options.config);
  const vpnkitMacs = readVpnkitMacs(options.vpnkitMacs ?? {});
  const poller = openPoller(options);
  const sockets = poller === undefined ? createNodeSockets() : createNativeSockets(poller);
  const scheduler = poller === undefined ? nodeScheduler : schedulerOf(poller);
  const shares = shareSockets(descriptorLimit());
  const { dnsForwarding, dnsCache } = openResolvers(settings, { sockets, shares, options });
  const proxyCounters = newProxyCounters();
  let proxy: HttpProxy | undefined;
  const network = new VirtualNetwork(settings, {
    sockets,
    scheduler,
    random: systemRandom,
    shares,
    logger: options.logger,
    createStack,
    echoFallback: pingProgram(),
    hostAddresses: hostAddresses(() => nodeScheduler.now()),
    intercept: (attempt) => proxy?.intercept(attempt) === true,
    upstream: settings.resolver === 'host' ? new HostResolver(dnsCache) : dnsCache,
    ...(options.leasePath !== undefined && { leaseStore: leaseFile(options.leasePath, options.logger) }),
  });
  const captures = new Captures(network.segment, {
    gatewayMac: settings.gatewayMac,
    wallMs: () => nodeScheduler.wallMs(),
  });
  const flows = new FlowTable({
    network,
    now: () => nodeScheduler.now(),
    nameOf: ({ address }) => network.learnedNames.namesOf(address)[0],
  });
  const listeners: HostListener[] = [];
  const opened: OpenNetwork = {
    network,
    sockets,
    poller,
    captures,
    flows,
    dnsCache,
    dnsForwarding,
    proxyCounters,
    listen: async (spec) => {
      const listener = await openLink(spec, { network, sockets, poller, options, vpnkitMacs });
      if (listener !== undefined) listeners.push(listener);
    },
    close: () => {
      captures.close();
      proxy?.close();
      for (const listener of listeners) listener.close();
      network.close();
    },
  };
  try {
    routeThroughGuests(network);
    await network.start();
    const proxySettings = readProxyConfig(settings.proxy, options.environment);
    proxy = await HttpProxy.start(network, {
      settings: proxySettings,
      scheduler: nodeScheduler,
      counters: proxyCounters,
      maxConnections: shares.tcp,
    });
  } catch (error) {
    opened.close();
    throw error;
  }
  return opened;
}

/** Who is asked for names that are not the network's own, and what is kept of their answers. */
function openResolvers(
  settings: NetworkSettings,
  {
    sockets,
    shares,
    options,
  }: {
    readonly sockets: HostSockets;
    readonly shares: SocketShares;
    readonly options: OpenNetworkOptions;
  },
): { readonly dnsForwarding: ForwardingResolver; readonly dnsCache: CachingResolver } {
  const hostServers = new ResolvConfFile(options.resolvConfPath ?? RESOLV_CONF);
  const dnsForwarding = new ForwardingResolver({
    sockets,
    scheduler: nodeScheduler,
    servers: () => settings.dns ?? hostServers.servers(),
    maxSockets: shares.dns,
  });
  const dnsCache = new CachingResolver({ next: dnsForwarding, now: () => nodeScheduler.now() });
  hostServers.onChange = () => dnsCache.clear();
  return { dnsForwarding, dnsCache };
}

/** What the configuration says lies behind guests. @throws OrlopError `vnet.config-invalid` */
function routeThroughGuests(network: VirtualNetwork): void {
  const behind = new Map<string, string[]>();
  for (const { to, via } of network.settings.routes) behind.set(via, [...(behind.get(via) ?? []), to]);
  for (const [via, prefixes] of behind) new GuestRoutes(network).set(prefixes, [via]);
}

interface LinkContext {
  readonly network: VirtualNetwork;
  readonly sockets: HostSockets;
  readonly poller: Poller | undefined;
  readonly options: OpenNetworkOptions;
  readonly vpnkitMacs: ReadonlyMap<string, MacAddress>;
}

async function openLink(spec: LinkSpec, context: LinkContext): Promise<HostListener | undefined> {
  const { network, sockets, options } = context;
  const { mtu } = network.settings;
  const onLink = (link: Link) => network.admit(link);
  switch (spec.kind) {
    case 'qemu':
      return listenQemu(spec.endpoint, { sockets, mtu, onLink });
    case 'vpnkit':
      return listenVpnkit(spec.endpoint, {
        sockets,
        mtu,
        onLink,
        admit: (guest) => admitVpnkitGuest(guest, network, context.vpnkitMacs),
        onRefused: (reason) => options.logger.warn('a VPNKit client was turned away', { reason }),
      });
    case 'bess':
      await removeDeadSocket(spec.path);
      return listenBess(spec.path, { poller: needPoller(context, spec.kind), mtu, onLink });
    case 'vfkit':
      await removeDeadSocket(spec.path);
      return listenVfkit(spec.path, { poller: needPoller(context, spec.kind), mtu, onLink });
    case 'qemu-dgram':
      await removeDeadSocket(spec.localPath);
      network.attach(
        openQemuDgram(spec.localPath, spec.remotePath, {
          poller: needPoller(context, spec.kind),
          mtu,
          onLink,
        }),
      );
      return undefined;
    case 'tap': {
      const { name, namespace } = spec;
      network.attach(
        openTap(needPoller(context, spec.kind), {
          name,
          mtu,
          offload: true,
          ...(namespace !== undefined && { namespace }),
        }),
      );
      return undefined;
    }
    case 'stdio':
      if (options.stdio === undefined)
        throw vnetError('vnet.link-failed', 'standard input and output are not given');
      network.attach(openStdioLink(options.stdio, mtu));
      return undefined;
  }
}

function openPoller({ dataPlane = 'auto', platform, logger }: OpenNetworkOptions): Poller | undefined {
  if (dataPlane === 'node') return undefined;
  try {
    return new Poller(platform, process.arch);
  } catch (error) {
    if (dataPlane === 'native') throw error;
    logger.info('system calls are not at hand: sockets go through Node', { reason: String(error) });
    return undefined;
  }
}

function needPoller({ poller }: LinkContext, kind: string): Poller {
  if (poller !== undefined) return poller;
  throw vnetError(
    'vnet.native-unavailable',
    `a link of kind "${kind}" needs system calls that are not available here`,
  );
}
