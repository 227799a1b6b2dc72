import { IpAddress, IpPrefix } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import type { VirtualNetwork } from '../virtual-network.ts';

/**
 * Networks that lie behind a guest, as those of an engine's containers do: the gateway reaches them through the
 * guest and takes what comes from them.
 */
export class GuestRoutes {
  readonly #network: VirtualNetwork;
  readonly #prefixes = new Map<string, IpPrefix>();

  constructor(network: VirtualNetwork) {
    this.#network = network;
  }

  /**
   * Makes these prefixes, and no others, lead to the guest.
   *
   * @param guest its addresses; a prefix of a version of which it has none is passed over
   * @throws OrlopError `vnet.config-invalid` for a prefix that cannot be read
   */
  set(prefixes: readonly string[], guest: readonly string[]): void {
    const hops = guest.map((text) => {
      const address = IpAddress.parse(text);
      if (address === undefined) throw vnetError('vnet.config-invalid', `"${text}" is no IP address`);
      return address;
    });
    const wanted = new Map<string, IpPrefix>();
    for (const text of prefixes) {
      const prefix = IpPrefix.parse(text);
      if (prefix === undefined) throw vnetError('vnet.config-invalid', `"${text}" is not ADDRESS/LENGTH`);
      // Its own segment is reached without a router, and a route of everything would take the gateway's place.
      if (prefix.length > 0 && !this.#network.settings.subnet.contains(prefix.address))
        wanted.set(text, prefix);
    }
    for (const [text, prefix] of this.#prefixes) if (!wanted.has(text)) this.#remove(text, prefix);
    for (const [text, prefix] of wanted) {
      const via = hops.find(({ version }) => version === prefix.address.version);
      if (via !== undefined && !this.#prefixes.has(text)) this.#add(text, { prefix, via });
    }
  }

  #add(text: string, route: { readonly prefix: IpPrefix; readonly via: IpAddress }): void {
    this.#network.stack.host.ip.routes.add(route);
    this.#network.filter.routed.push(route.prefix);
    this.#prefixes.set(text, route.prefix);
  }

  #remove(text: string, prefix: IpPrefix): void {
    this.#network.stack.host.ip.routes.remove(prefix);
    const { routed } = this.#network.filter;
    const at = routed.indexOf(prefix);
    if (at >= 0) routed.splice(at, 1);
    this.#prefixes.delete(text);
  }
}
