import type { IcmpReporter, IpAddress, IpPrefix, TcpRejection } from '@orlop/netstack';
import { IpAddress as Address } from '@orlop/netstack';
import type { OutboundPolicy, OutboundRequest } from './policy.ts';

export interface AddressMapOptions {
  readonly subnet: IpPrefix;
  readonly subnet6: IpPrefix | undefined;
  readonly gateways: readonly IpAddress[];
  /** Addresses of the segment behind which the host's loopback is; empty where guests may not reach it. */
  readonly hostAliases: readonly IpAddress[];
  /** Let guests reach 169.254.0.0/16 of the host's network, and what clouds have beside it for IPv6. @default false */
  readonly metadataAccess?: boolean;
  /** The host's own addresses, which guests may not reach it by. @default none is closed */
  readonly closedAddresses?: () => readonly IpAddress[];
}

/** Where a guest's packet goes on the host, or how it is turned down. */
export type OutboundTarget =
  | { readonly kind: 'host'; readonly address: IpAddress }
  | { readonly kind: 'rejected'; readonly how: TcpRejection };

const LOOPBACK4 = Address.v4(0x7f000001);
const LOOPBACK6 = Address.v6(0, 0, 0, 1);
/** Metadata services by IPv6 of Amazon (fd00:ec2::254) and Google (fd20:ce::254): their addresses are not link-local. */
const METADATA6 = [Address.v6(0xfd00_0ec2, 0, 0, 0x254), Address.v6(0xfd20_00ce, 0, 0, 0x254)];

/** Translates between what guests see and what the host connects to, and asks the policy. */
export class AddressMap {
  readonly #options: AddressMapOptions;
  readonly #policy: OutboundPolicy;

  constructor(options: AddressMapOptions, policy: OutboundPolicy) {
    this.#options = options;
    this.#policy = policy;
  }

  outbound(request: OutboundRequest): OutboundTarget {
    const { destination } = request;
    if (this.#options.hostAliases.some((alias) => alias.equals(destination))) {
      if (!this.#policy.allows(request)) return rejected('prohibited');
      return { kind: 'host', address: destination.version === 4 ? LOOPBACK4 : LOOPBACK6 };
    }
    if (this.#options.gateways.some((own) => own.equals(destination))) return rejected('refused');
    if (this.isLocal(destination)) return rejected('host-unreachable');
    // The host's loopback has no other name, and groups are not routed.
    if (destination.isLoopback || destination.isUnspecified || destination.isMulticast)
      return rejected('drop');
    if (isReserved(destination)) return rejected('network-unreachable');
    if (isMetadata(destination) && this.#options.metadataAccess !== true) return rejected('prohibited');
    if (this.#options.closedAddresses?.().some((own) => own.equals(destination)) === true)
      return rejected('prohibited');
    if (!this.#policy.allows(request)) return rejected('prohibited');
    return { kind: 'host', address: destination };
  }

  /** The address under which a guest knows a host address; `family` is the guest's. */
  inbound(address: IpAddress): IpAddress {
    if (!address.isLoopback) return address;
    const { hostAliases, gateways } = this.#options;
    const isOfVersion = (one: IpAddress) => one.version === address.version;
    return hostAliases.find(isOfVersion) ?? gateways.find(isOfVersion) ?? address;
  }

  /** The same of who sent an ICMP error. */
  reporter(by: IcmpReporter | undefined): IcmpReporter | undefined {
    return by === undefined ? undefined : { ...by, address: this.inbound(by.address) };
  }

  /** Whether the address is of the segment. */
  isLocal(address: IpAddress): boolean {
    return this.#options.subnet.contains(address) || this.#options.subnet6?.contains(address) === true;
  }
}

/** 0.0.0.0/8, 240.0.0.0/4 with broadcast, and IPv4 in IPv6's clothes (which would reach the loopback). */
function isReserved(address: IpAddress): boolean {
  if (address.version === 4) return address.w3 >>> 24 === 0 || address.w3 >>> 28 === 0xf;
  return address.w0 === 0 && address.w1 === 0;
}

/** Whether a cloud's metadata service may be there, which gives the host's credentials to who asks. */
function isMetadata(address: IpAddress): boolean {
  return address.isLinkLocal || METADATA6.some((one) => one.equals(address));
}

function rejected(how: TcpRejection): OutboundTarget {
  return { kind: 'rejected', how };
}
