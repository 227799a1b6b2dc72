export * from './config.ts';
export { type LeaseRow, NetworkClient } from './control/control-client.ts';
export {
  type ControlRequest,
  type ControlRoute,
  ControlServer,
  type NetworkStatus,
} from './control/control-server.ts';
export { type MachineRegistration, Machines, type RegisteredMachine } from './control/machines.ts';
export { type Lease, type LeaseStore, LeaseTable, type StaticLease } from './dhcp/leases.ts';
export type { DnsQuery, DnsResolver } from './dns/resolver.ts';
export type { ForwardSpec, ForwardStatus, GuestTarget } from './forward/forward.ts';
export { formatForward, forwardId, parseForwards, parseGuest } from './forward/forward-text.ts';
export { formatHostEndpoint } from './host/endpoint-text.ts';
export { hostDatagrams, hostStreams } from './host/host-network.ts';
export type * from './host/host-sockets.ts';
export type { JoinOptions } from './join/cable.ts';
export { type JoinedDatagrams, joinDatagrams } from './join/join-datagrams.ts';
export { type JoinedNetwork, joinNetwork } from './join/join-network.ts';
export type { Link, LinkCounters, LinkHandler, LinkKind } from './link/link.ts';
export { type LinkSpec, parseLinkSpec } from './link/link-spec.ts';
export type { PolicyConfig, PolicyRule } from './nat/policy.ts';
export type { TcpFlow } from './nat/tcp-nat.ts';
export type { UdpFlow } from './nat/udp-nat.ts';
export { type OpenNetwork, type OpenNetworkOptions, openNetwork } from './open-network.ts';
export type { DropReason } from './switch/drop-counters.ts';
export type { Port } from './switch/port.ts';
export type { FrameObserver } from './switch/switch.ts';
export { type NetworkParts, VirtualNetwork } from './virtual-network.ts';
