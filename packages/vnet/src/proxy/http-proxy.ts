import { stackStreams, type TcpAttempt } from '@orlop/netstack';
import { hostStreams } from '../host/host-network.ts';
import type { Scheduler } from '../scheduler.ts';
import type { VirtualNetwork } from '../virtual-network.ts';
import { ClientLimit } from './client-limit.ts';
import { EXPLICIT_PROXY_PORT, serveExplicitProxy } from './explicit-proxy.ts';
import { OutboundRoute } from './outbound-route.ts';
import type { ProxyCounters } from './proxy-counters.ts';
import type { ProxySettings } from './proxy-settings.ts';
import { TransparentProxy } from './transparent-proxy.ts';

export interface HttpProxyOptions {
  readonly settings: ProxySettings;
  readonly scheduler: Scheduler;
  readonly counters: ProxyCounters;
  /** Of guests at once, half of them of one guest. */
  readonly maxConnections: number;
}

/** The proxy service of a network: explicit at the gateway's port 3128, transparent where the settings ask. */
export class HttpProxy {
  readonly #transparent: TransparentProxy;
  readonly #close: () => void;

  private constructor(transparent: TransparentProxy, close: () => void) {
    this.#transparent = transparent;
    this.#close = close;
  }

  static async start(
    network: VirtualNetwork,
    { settings, scheduler, counters, maxConnections }: HttpProxyOptions,
  ): Promise<HttpProxy> {
    const host = hostStreams();
    const guests = stackStreams(network.stack.tcp);
    const route = new OutboundRoute({
      settings,
      resolver: network.learnedNames,
      addresses: network.addresses,
      policy: network.policy,
      host,
      guests,
      scheduler,
    });
    const parts = { route, host, scheduler, counters };
    const clients = new ClientLimit(maxConnections, () => counters.overLimit++);
    const origin = () => network.gateway.origin;
    // On the gateway's addresses alone: port 3128 of the host's address is the host's.
    const { gateway, ipv6 } = network.settings;
    const listeners = await Promise.all(
      [gateway, ...(ipv6 === undefined ? [] : [ipv6.gateway])].map((address) =>
        guests.listen({ port: EXPLICIT_PROXY_PORT, address: address.toString() }, (stream) =>
          clients.serve(stream, origin(), () => serveExplicitProxy(stream, parts)),
        ),
      ),
    );
    return new HttpProxy(new TransparentProxy({ ...parts, settings, clients, origin }), () => {
      for (const listener of listeners) listener.close();
    });
  }

  intercept(attempt: TcpAttempt): boolean {
    return this.#transparent.intercept(attempt);
  }

  close(): void {
    this.#close();
  }
}
