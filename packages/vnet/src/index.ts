export {
  type CompatOptions,
  gvproxyGatewayServer,
  gvproxyServer,
  vpnkitServer,
} from './compat/compat-servers.ts';
export { parseExpose } from './compat/gvproxy-forward.ts';
export { GvproxyNotifier } from './compat/gvproxy-notifier.ts';
export { type GvproxyZone, zoneOfGvproxy } from './compat/gvproxy-routes.ts';
export { PortServer } from './compat/ninep/port-server.ts';
export { SshForward, type SshForwardParts, type SshForwardSpec } from './compat/ssh-forward.ts';
export * from './config.ts';
export type { ApiServer, TcpPlace } from './control/api-server.ts';
export { Cables } from './control/cables.ts';
export { NetworkClient } from './control/control-client.ts';
export { ControlServer, type ControlServerOptions, type NetworkStatus } from './control/control-server.ts';
export type { ForwardHealth } from './control/forward-probe.ts';
export { type MachineRegistration, Machines, type RegisteredMachine } from './control/machines.ts';
export type { ForwardRow, LeaseRow } from './control/network-routes.ts';
export { type NetworkState, type StateStore, stateFile } from './control/state-file.ts';
export { StateKeeper, type StateKeeperOptions } from './control/state-keeper.ts';
export { type Lease, type LeaseStore, LeaseTable, type StaticLease } from './dhcp/leases.ts';
export { hostSearchDomains } from './dns/resolv-conf.ts';
export type { DnsQuery, DnsResolver } from './dns/resolver.ts';
export type { ZoneConfig } from './dns/zone.ts';
export { ZONE_RECORD_TYPES, type ZoneRecordConfig, type ZoneRecordType } from './dns/zone-record.ts';
export type { FlowRow } from './flows/flow-table.ts';
export type { ForwardSpec, ForwardStatus, ForwardTarget, GuestTarget, ToGuest } from './forward/forward.ts';
export type { ForwardTable } from './forward/forward-table.ts';
export { formatForward, forwardId, forwardText, parseForwards, parseGuest } from './forward/forward-text.ts';
export { GuestRoutes } from './gateway/guest-routes.ts';
export { linkLocalAddress } from './gateway/link-local.ts';
export { formatHostEndpoint } from './host/endpoint-text.ts';
export { hostDatagrams, hostStreams } from './host/host-network.ts';
export type * from './host/host-sockets.ts';
export type { JoinOptions } from './join/cable.ts';
export { byteDuplex, dialGuest } from './join/dial-guest.ts';
export { type JoinedDatagrams, joinDatagrams } from './join/join-datagrams.ts';
export { type JoinedNetwork, joinNetwork } from './join/join-network.ts';
export type { Link, LinkCounters, LinkHandler, LinkKind } from './link/link.ts';
export { type LinkSpec, parseLinkSpec } from './link/link-spec.ts';
export { connectQemu } from './link/qemu-cable.ts';
export type { PolicyConfig, PolicyRule } from './nat/policy.ts';
export type { TcpFlow } from './nat/tcp-nat.ts';
export type { UdpFlow } from './nat/udp-nat.ts';
export { UV_READABLE } from './native/constants.ts';
export { Poller, type Watch as DescriptorWatch } from './native/poller.ts';
export { NETWORK_SCHEMA } from './network-schema.ts';
export { nodeScheduler } from './node-scheduler.ts';
export { type OpenNetwork, type OpenNetworkOptions, openNetwork } from './open-network.ts';
export { giveBackWhenIdle } from './process/give-back.ts';
export { formatPath, type JsonSchema, type SchemaPath, validateSchema } from './schema/json-schema.ts';
export type { DropReason } from './switch/drop-counters.ts';
export type { Port } from './switch/port.ts';
export type { FrameObserver } from './switch/switch.ts';
export { type NetworkParts, VirtualNetwork } from './virtual-network.ts';
