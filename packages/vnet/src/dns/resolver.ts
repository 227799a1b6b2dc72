import type { IpAddress } from '@orlop/netstack';
import type { Owner } from '../gateway/owner-shares.ts';

export interface DnsQuery {
  /** The whole message as the guest sent it. */
  readonly message: Uint8Array;
  readonly transport: 'udp' | 'tcp';
  readonly guest: IpAddress;
  /** Whose share of the limits it is. @default the guest's address */
  readonly owner?: Owner;
}

/** Answers queries of guests; a chain of them is the DNS service. */
export interface DnsResolver {
  /** The answer to send as it is, or undefined when none came. Never throws for what a guest sent. */
  resolve(query: DnsQuery, options: { readonly signal: AbortSignal }): Promise<Uint8Array | undefined>;
}
