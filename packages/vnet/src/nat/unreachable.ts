import type { TcpRejection, UndeliverableKind } from '@orlop/netstack';
import type { HostFailure } from '../host/host-sockets.ts';

/** What ICMP has to tell a guest of what the host could not send; undefined = it is lost, as datagrams may be. */
export function unreachableOf(failure: HostFailure | TcpRejection): UndeliverableKind | undefined {
  switch (failure) {
    case 'refused':
      return 'port-unreachable';
    case 'host-unreachable':
    case 'network-unreachable':
    case 'prohibited':
    case 'time-exceeded':
      return failure;
    case 'address-unavailable':
      return 'network-unreachable';
    case 'denied':
      return 'prohibited';
    default:
      return undefined;
  }
}
