import { IpAddress, type StreamNetwork } from '@orlop/netstack';
import { DNS_CLASS_IN, DNS_TYPE_A, DNS_TYPE_AAAA, encodeDns, isDnsName, parseDns } from '@orlop/wire';
import type { DnsResolver } from '../dns/resolver.ts';
import { vnetError } from '../errors.ts';
import type { AddressMap } from '../nat/address-map.ts';
import type { OutboundPolicy } from '../nat/policy.ts';
import type { Scheduler } from '../scheduler.ts';
import type { ProxySettings, UpstreamProxy } from './proxy-settings.ts';
import { StreamReader } from './stream-reader.ts';
import { formatTarget, type ProxyTarget, tunnelThrough } from './upstream.ts';
import { within } from './within.ts';

export interface OutboundRouteParts {
  readonly settings: ProxySettings;
  /** The network's own DNS: a proxy's clients know the same names as everybody. */
  readonly resolver: DnsResolver;
  readonly addresses: AddressMap;
  readonly policy: OutboundPolicy;
  readonly host: StreamNetwork;
  /** To other guests. */
  readonly guests: StreamNetwork;
  readonly scheduler: Scheduler;
}

/**
 * Where a proxy knows the way, DNS is asked only whether the name is one that guests may not reach; on networks whose
 * DNS is silent about the rest of the world that must not hold up each connection.
 */
const PROXIED_LOOKUP_MS = 1000;

export interface RouteRequest extends ProxyTarget {
  readonly guest: IpAddress;
}

/** How a proxy's client gets out: by which proxy, or to which address; and what it may not reach. */
export class OutboundRoute {
  readonly #parts: OutboundRouteParts;

  constructor(parts: OutboundRouteParts) {
    this.#parts = parts;
  }

  /** The proxy for a host; undefined where it is reached without one. */
  proxyFor(scheme: 'http' | 'https', host: string): UpstreamProxy | undefined {
    const { settings } = this.#parts;
    return settings.isExcluded(host) ? undefined : settings[scheme];
  }

  /**
   * By which proxy the target is reached; undefined where it is without one: what is excluded, and what is on the
   * network itself, which a proxy outside does not know.
   *
   * @throws OrlopError `vnet.proxy-denied`
   */
  async proxyTo(scheme: 'http' | 'https', request: RouteRequest): Promise<UpstreamProxy | undefined> {
    const proxy = this.proxyFor(scheme, request.host);
    return proxy === undefined || this.#isOnNetwork(await this.#check(request, proxy)) ? undefined : proxy;
  }

  /** @throws OrlopError `vnet.proxy-denied` for what no guest may reach by any way. */
  async #check(request: RouteRequest, proxy: UpstreamProxy | undefined): Promise<readonly IpAddress[]> {
    const { host, port, guest } = request;
    const found = await this.#resolve(host, { guest, isProxied: proxy !== undefined });
    const literal = IpAddress.parse(host) !== undefined;
    const name = literal ? {} : { name: host };
    // A proxy on this host would take the host's loopback for its own.
    if (/^(?:.*\.)?localhost\.?$/i.test(host)) throw denied(request);
    if (found.length === 0) {
      const unknown = { protocol: 'tcp' as const, guest, destination: IpAddress.v4(0), port, ...name };
      if (!this.#parts.policy.allows(unknown)) throw denied(request);
      return [];
    }
    const allowed = found.filter(
      (destination) =>
        this.#isOtherGuest(destination) ||
        this.#parts.addresses.outbound({ protocol: 'tcp', guest, destination, port, ...name }).kind ===
          'host',
    );
    if (allowed.length === 0) throw denied(request);
    return allowed;
  }

  /** A connection to the target, by proxy or not. @throws OrlopError */
  async connect(scheme: 'http' | 'https', request: RouteRequest): Promise<StreamReader> {
    const proxy = this.proxyFor(scheme, request.host);
    const allowed = await this.#check(request, proxy);
    if (proxy === undefined || this.#isOnNetwork(allowed)) return this.#connectDirectly(allowed, request);
    return tunnelThrough(proxy, request, this.#parts);
  }

  /** Whether an address is of the network itself: a guest's, the gateway's or the host's. */
  isLocal(address: IpAddress): boolean {
    return this.#parts.addresses.isLocal(address);
  }

  #isOnNetwork(addresses: readonly IpAddress[]): boolean {
    return addresses.some((one) => this.isLocal(one));
  }

  async #connectDirectly(addresses: readonly IpAddress[], request: RouteRequest): Promise<StreamReader> {
    const { port, guest } = request;
    let failure: unknown;
    for (const destination of addresses) {
      try {
        if (this.#isOtherGuest(destination)) {
          return new StreamReader(
            await this.#parts.guests.connect({ address: destination.toString(), port }),
          );
        }
        const target = this.#parts.addresses.outbound({
          protocol: 'tcp',
          guest,
          destination,
          port,
          name: request.host,
        });
        if (target.kind !== 'host') continue;
        return new StreamReader(await this.#parts.host.connect({ address: target.address.toString(), port }));
      } catch (error) {
        failure = error;
      }
    }
    throw vnetError('vnet.proxy-failed', `${formatTarget(request)} cannot be reached`, { cause: failure });
  }

  /** On the segment, and neither gateway nor host. */
  #isOtherGuest(address: IpAddress): boolean {
    const { addresses } = this.#parts;
    if (!addresses.isLocal(address)) return false;
    const request = { protocol: 'tcp' as const, guest: address, destination: address, port: 0 };
    const target = addresses.outbound(request);
    return target.kind === 'rejected' && target.how === 'host-unreachable';
  }

  async #resolve(
    host: string,
    { guest, isProxied }: { readonly guest: IpAddress; readonly isProxied: boolean },
  ): Promise<readonly IpAddress[]> {
    const literal = IpAddress.parse(host);
    if (literal !== undefined) return [literal];
    // What DNS has no form for has no address; a proxy outside may know better.
    if (!isDnsName(host)) return [];
    const found = Promise.all([
      this.#ask(host, DNS_TYPE_A, guest),
      this.#ask(host, DNS_TYPE_AAAA, guest),
    ]).then((addresses) => addresses.flat());
    return isProxied ? within(this.#parts.scheduler, PROXIED_LOOKUP_MS, found, () => []) : found;
  }

  async #ask(name: string, type: number, guest: IpAddress): Promise<readonly IpAddress[]> {
    const message = encodeDns({ ...QUESTION, questions: [{ name, type, class: DNS_CLASS_IN }] });
    const query = { message, transport: 'tcp' as const, guest };
    const answer = await this.#parts.resolver.resolve(query, { signal: NEVER });
    const fields = answer === undefined ? 'truncated' : parseDns(answer, 0, answer.length);
    if (typeof fields === 'string') return [];
    return fields.answers.flatMap((record) => {
      if (record.kind === 'A') return [IpAddress.v4(record.address)];
      return record.kind === 'AAAA' ? [IpAddress.fromIpv6(record.address)] : [];
    });
  }
}

const NEVER = new AbortController().signal;
const QUESTION = {
  id: 0,
  response: false,
  opcode: 0,
  authoritative: false,
  truncated: false,
  recursionDesired: true,
  recursionAvailable: false,
  authenticData: false,
  checkingDisabled: false,
  responseCode: 0,
  answers: [],
  authorities: [],
  additionals: [],
};

function denied(target: ProxyTarget): Error {
  return vnetError('vnet.proxy-denied', `${formatTarget(target)} may not be reached from guests`);
}
