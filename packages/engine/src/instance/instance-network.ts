import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Logger } from '@orlop/core';
import {
  connectQemu,
  dialGuest,
  GuestRoutes,
  linkLocalAddress,
  type NetworkConfig,
  type OpenNetwork,
  openNetwork,
  readNetworkConfig,
} from '@orlop/vnet';
import { whoHasPort } from '../docker/port-holder.ts';
import { PortPromises } from '../docker/port-promises.ts';
import { PORT_QUESTIONS_PORT, PortQuestions } from '../docker/port-questions.ts';
import { REGISTRY_PORT } from '../registry/registry-paths.ts';
import type { LayeredSettings } from '../settings/layered-settings.ts';
import type { InstancePaths } from './instance-paths.ts';

const MTU = 65_520;

/** The network of one engine: a segment with the machine alone on it, in the daemon's own process. */
export class InstanceNetwork {
  readonly opened: OpenNetwork;
  readonly routes: GuestRoutes;
  readonly guestAddress: string;
  /** That, and the one of IPv6 by which the machine is a router to its containers. */
  readonly guestAddresses: readonly string[];
  readonly hostAddress: string | undefined;
  readonly gatewayAddress: string;
  readonly mac: string;
  readonly mtu = MTU;
  /** Ports of the host that are kept for what Docker has chosen. */
  readonly promises: PortPromises;
  readonly #questions: PortQuestions;

  private constructor(
    opened: OpenNetwork,
    {
      guestAddress,
      mac,
      token,
    }: { readonly guestAddress: string; readonly mac: string; readonly token: string },
  ) {
    this.opened = opened;
    this.promises = new PortPromises({
      forwards: opened.network.forwards,
      whoHas: (side) => whoHasPort(side, () => 'an engine, or one of its containers'),
    });
    this.#questions = new PortQuestions(this.promises, token);
    this.routes = new GuestRoutes(opened.network);
    this.guestAddress = guestAddress;
    this.guestAddresses = [guestAddress, linkLocalAddress(mac)];
    this.hostAddress = opened.network.settings.host?.toString();
    this.gatewayAddress = opened.network.settings.gateway.toString();
    this.mac = mac;
  }

  /** @throws OrlopError `vnet.config-invalid` */
  static async open(
    paths: InstancePaths,
    {
      settings,
      logger,
      registrySocket,
      token,
    }: {
      readonly settings: LayeredSettings;
      readonly logger: Logger;
      /** Where the registry of this home listens, or will. */
      readonly registrySocket: string;
      /** What the machine says when it asks for something. */
      readonly token: string;
    },
  ): Promise<InstanceNetwork> {
    const mac = macOf(paths.name);
    const dns = settings.texts('network.dns');
    const base = {
      name: paths.name,
      subnet: settings.text('network.subnet'),
      mtu: MTU,
      // Whether the registry runs or not: dockerd asks Docker Hub when its mirror does not answer.
      forwards: [
        `host:${REGISTRY_PORT}=unix:${registrySocket}`,
        `host:${PORT_QUESTIONS_PORT}=unix:${paths.portSocket}`,
      ],
      ...(!settings.flag('network.ipv6') && { ipv6: false as const }),
      hostAddresses: settings.flag('network.hostAddresses'),
      ...(!settings.flag('network.host') && { host: false as const }),
      ...(dns.length > 0 && { dns }),
      ...proxyOf(settings),
    };
    const address = readNetworkConfig(base).firstLease.toString();
    const opened = await openNetwork({
      config: { ...base, leases: [{ mac, address, name: 'engine' }] },
      logger,
      platform: process.platform,
      leasePath: paths.leases,
    });
    const network = new InstanceNetwork(opened, { guestAddress: address, mac, token });
    await network.#questions.listen(paths.portSocket).catch((error) => {
      network.close();
      throw error;
    });
    return network;
  }

  /** Plugs the machine in; calls back when it is unplugged. @throws OrlopError `vnet.link-failed` */
  async plug(path: string): Promise<void> {
    const link = await connectQemu(path, { sockets: this.opened.sockets, mtu: MTU });
    this.opened.network.attach(link, 'engine');
  }

  /** Whether a frame of the machine has been seen. */
  get heard(): boolean {
    const bytes = Uint8Array.from(this.mac.split(':').map((digits) => Number.parseInt(digits, 16)));
    return this.opened.network.segment.portOf(bytes) !== undefined;
  }

  dial(port: number, signal?: AbortSignal): Promise<Duplex> {
    const remote = { address: this.guestAddress, port };
    return dialGuest(this.opened.network, remote, signal === undefined ? {} : { signal });
  }

  close(): void {
    this.#questions.close();
    this.promises.close();
    this.opened.close();
  }
}

/**
 * Containers and builds know nothing of the host's proxies; their connections to ports 80 and 443 are sent through them.
 * What is of the network itself is not.
 */
function proxyOf(settings: LayeredSettings): Pick<NetworkConfig, 'proxy'> {
  const [http, https] = [settings.text('proxy.http'), settings.text('proxy.https')];
  if (http === '' && https === '') return {};
  return {
    proxy: {
      ...(http !== '' && { http }),
      ...(https !== '' && { https }),
      exclude: [...settings.texts('proxy.no'), settings.text('network.subnet'), '*.docker.internal'],
      transparent: true,
    },
  };
}

/** The same engine has the same address at every start. Prefix 52:54:00 as QEMU's own. */
function macOf(name: string): string {
  const digest = createHash('sha256').update(`engine/${name}`).digest();
  const own = [...digest.subarray(0, 3)].map((byte) => byte.toString(16).padStart(2, '0'));
  return ['52', '54', '00', ...own].join(':');
}
