import type { Logger } from '@orlop/core';
import type { OpenNetwork } from '../open-network.ts';
import { type ApiRoute, json } from './api-route.ts';
import * as schemas from './api-schemas.ts';
import { ApiServer } from './api-server.ts';
import { jsonErrors } from './error-answer.ts';
import type { Machines } from './machines.ts';
import { forwardRoutes, leaseRoutes, machineRoutes } from './network-routes.ts';
import { captureRoutes, flowRoutes, zoneRoutes } from './observation-routes.ts';
import { describeApi } from './openapi.ts';

export interface ControlServerOptions {
  readonly opened: OpenNetwork;
  readonly machines: Machines;
  readonly path: string;
  readonly logger: Logger;
  /** Where guests plug in, as `status` tells. */
  readonly listen: readonly string[];
  readonly pid: number;
  /** What `POST /v1/stop` does. */
  readonly stop: () => void;
}

/** The network's HTTP API on a unix socket of the user's own. */
export class ControlServer {
  readonly #server: ApiServer;
  readonly #path: string;

  constructor(options: ControlServerOptions) {
    const { logger, path } = options;
    this.#path = path;
    this.#server = new ApiServer({ routes: controlRoutes(options), logger, answerError: jsonErrors(logger) });
  }

  /** @throws OrlopError `vnet.listen-failed` */
  listen(): Promise<void> {
    return this.#server.listen(this.#path);
  }

  close(): void {
    this.#server.close();
  }
}

/** Every route of the control socket, its own description among them. */
export function controlRoutes(options: ControlServerOptions): readonly ApiRoute[] {
  const { opened, machines } = options;
  const routes: ApiRoute[] = [
    {
      method: 'GET',
      path: '/v1/status',
      summary: 'Describe the network: addresses, ports, machines',
      tag: 'network',
      answer: schemas.STATUS,
      handle: () => json(describeNetwork(options)),
    },
    {
      method: 'POST',
      path: '/v1/stop',
      summary: 'End the network',
      tag: 'network',
      answer: schemas.EMPTY,
      handle: () => {
        setImmediate(options.stop);
        return json({});
      },
    },
    ...forwardRoutes(opened.network, opened.sockets),
    ...leaseRoutes(opened.network),
    ...machineRoutes(machines),
    ...zoneRoutes(opened.network.zones),
    ...flowRoutes(opened),
    ...captureRoutes(opened),
    {
      method: 'GET',
      path: '/openapi.json',
      summary: 'Describe this API',
      tag: 'network',
      answer: schemas.EMPTY,
      handle: () => json(describeApi('Orlop network', routes)),
    },
  ];
  return routes;
}

function describeNetwork({ opened, machines, listen, pid }: ControlServerOptions) {
  const { network, dnsCache, dnsForwarding } = opened;
  const { settings, segment, stack } = network;
  return {
    name: settings.name,
    pid,
    subnet: settings.subnet.toString(),
    gateway: settings.gateway.toString(),
    host: settings.host?.toString() ?? null,
    ipv6: settings.ipv6?.prefix.toString() ?? null,
    mtu: settings.mtu,
    domain: settings.domain,
    listen,
    machines: [...machines.list()],
    ports: [...segment.ports()].map((port) => ({
      id: port.id,
      name: port.name,
      kind: port.link.kind,
      mtu: port.link.mtu,
      ...port.link.counters,
      drops: port.drops,
    })),
    connections: network.tcpNat.size,
    udpFlows: network.udpNat.size,
    counters: {
      tcpNat: network.tcpNat.counters,
      udpNat: network.udpNat.counters,
      echo: network.echo.counters,
      dhcp: network.dhcp.counters,
      dns: network.dns.counters,
      dnsCache: { ...dnsCache.counters, entries: dnsCache.size },
      dnsUpstream: dnsForwarding.counters,
      tcp: stack.tcp.counters,
      udp: stack.udp.counters,
      policyDenied: network.policy.denied,
      spoofedSources: network.filter.spoofed,
    },
  };
}

export type NetworkStatus = ReturnType<typeof describeNetwork>;
