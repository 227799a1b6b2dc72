import { IpAddress } from '@orlop/netstack';
import { formatMac } from '@orlop/wire';
import { type ApiRoute, json } from '../control/api-route.ts';
import { EMPTY } from '../control/api-schemas.ts';
import type { ZoneConfig } from '../dns/zone.ts';
import { vnetError } from '../errors.ts';
import type { ForwardSpec } from '../forward/forward.ts';
import { forwardId } from '../forward/forward-text.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import type { VirtualNetwork } from '../virtual-network.ts';
import { type ExposeRequest, exposedOf, parseExpose, parseLocal } from './gvproxy-forward.ts';

const text: JsonSchema = { type: 'string' };
const EXPOSE: JsonSchema = {
  type: 'object',
  required: ['local', 'remote'],
  properties: { local: text, remote: text, protocol: text },
};
const UNEXPOSE: JsonSchema = {
  type: 'object',
  required: ['local'],
  properties: { local: text, protocol: text },
};
/** Go's encoder leaves lists that are empty as null. */
const ZONE: JsonSchema = {
  type: 'object',
  properties: {
    Name: text,
    DefaultIP: { anyOf: [text, { type: 'null' }] },
    Records: { anyOf: [{ type: 'array', items: { type: 'object' } }, { type: 'null' }] },
  },
};

interface GvproxyRecord {
  readonly Name?: string;
  readonly IP?: string;
  readonly Regexp?: string | null;
}

export interface GvproxyZone {
  readonly Name?: string;
  readonly Records?: readonly GvproxyRecord[] | null;
  readonly DefaultIP?: string | null;
}

const tag = 'gvproxy';

/** gvproxy tells who asks by GET that a request changes something; other methods than these two it takes for POST. */
function postOnly(path: string): ApiRoute {
  const handle = () => ({ kind: 'text', status: 400, text: 'post only\n' }) as const;
  return { method: 'GET', path, summary: 'Say that this is asked by POST', tag, handle };
}

/** gvproxy's HTTP API, so that who speaks with gvproxy (podman machine, Lima, CRC) speaks with us. */
export function gvproxyRoutes(network: VirtualNetwork): readonly ApiRoute[] {
  return [...forwarderRoutes(network), ...nameRoutes(network), ...tableRoutes(network)];
}

/** The part that guests may ask for too. */
export function forwarderRoutes({ forwards }: VirtualNetwork): readonly ApiRoute[] {
  return [
    {
      method: 'GET',
      path: '/services/forwarder/all',
      summary: 'List what is exposed',
      tag,
      handle: () => {
        const exposed = forwards.list().flatMap(({ spec }) => exposedOf(spec) ?? []);
        return json(exposed.sort((one, other) => (one.local < other.local ? -1 : 1)));
      },
    },
    {
      method: 'POST',
      path: '/services/forwarder/expose',
      summary: 'Expose a port of a guest',
      tag,
      body: EXPOSE,
      handle: async ({ body }) => {
        const request = body as ExposeRequest;
        const spec = parseExpose(request);
        if (forwards.find(forwardId(spec)) !== undefined) throw alreadyRunning(request);
        await forwards.add(spec);
        return { kind: 'text', text: '' };
      },
    },
    {
      method: 'POST',
      path: '/services/forwarder/unexpose',
      summary: 'End what was exposed',
      tag,
      body: UNEXPOSE,
      handle: ({ body }) => {
        const { local, protocol = 'tcp' } = body as Omit<ExposeRequest, 'remote'>;
        const id = forwardId(placeholder(local, protocol));
        if (forwards.find(id) === undefined) throw vnetError('vnet.forward-unknown', 'proxy not found');
        forwards.remove(id);
        return { kind: 'text', text: '' };
      },
    },
    postOnly('/services/forwarder/expose'),
    postOnly('/services/forwarder/unexpose'),
  ];
}

function nameRoutes({ zones, settings }: VirtualNetwork): readonly ApiRoute[] {
  return [
    {
      method: 'GET',
      path: '/services/dns/all',
      summary: 'List the zones',
      tag,
      handle: () => json([...builtInZones(settings), ...zones.list().map(toGvproxy)]),
    },
    {
      method: 'POST',
      path: '/services/dns/add',
      summary: 'Add a zone, or records to the one of that name',
      tag,
      body: ZONE,
      handle: ({ body }) => {
        zones.merge(zoneOfGvproxy(body as GvproxyZone));
        return { kind: 'text', text: '' };
      },
    },
    postOnly('/services/dns/add'),
  ];
}

/** Names of the network itself, which gvproxy has as zones. */
function builtInZones({ gateway, host }: VirtualNetwork['settings']) {
  const records = [{ Name: 'gateway', IP: gateway.toString(), Regexp: null }];
  if (host !== undefined) records.push({ Name: 'host', IP: host.toString(), Regexp: null });
  return ['containers.internal.', 'docker.internal.'].map((Name) => ({
    Name,
    Records: records,
    DefaultIP: '',
  }));
}

function tableRoutes({ leases, segment, stack, settings }: VirtualNetwork): readonly ApiRoute[] {
  /** With the gateway's own address, which gvproxy counts among them. */
  const leaseMap = () =>
    json(
      Object.fromEntries([
        [settings.gateway.toString(), formatMac(settings.gatewayMac)],
        ...[...leases.list()].map((one) => [one.address.toString(), formatMac(one.mac)]),
      ]),
    );
  return [
    { method: 'GET', path: '/leases', summary: 'Map addresses to Ethernet addresses', tag, handle: leaseMap },
    { method: 'GET', path: '/services/dhcp/leases', summary: 'The same', tag, handle: leaseMap },
    {
      method: 'GET',
      path: '/cam',
      summary: 'Map Ethernet addresses to ports',
      tag,
      handle: () => json(Object.fromEntries([...segment.macs()].map(({ mac, port }) => [mac, port.id]))),
    },
    {
      method: 'GET',
      path: '/stats',
      summary: 'Count bytes and segments',
      tag,
      answer: EMPTY,
      handle: () => {
        const { ethernet, ip } = stack.host;
        const { tcp, udp } = stack;
        return json({
          BytesSent: ethernet.counters.bytesOut,
          BytesReceived: ethernet.counters.bytesIn,
          IP: { PacketsReceived: ip.counters.packetsIn, PacketsSent: ip.counters.packetsOut },
          TCP: {
            CurrentEstablished: [...tcp.connections()].filter(({ state }) => state === 'established').length,
            SegmentsSent: tcp.counters.segmentsOut,
            ValidSegmentsReceived: tcp.counters.segmentsIn,
            Retransmits: tcp.counters.retransmits,
            ResetsSent: tcp.counters.resetsOut,
            ResetsReceived: tcp.counters.resetsIn,
          },
          UDP: { PacketsReceived: udp.counters.datagramsIn, PacketsSent: udp.counters.datagramsOut },
        });
      },
    },
  ];
}

function placeholder(local: string, protocol: string): ForwardSpec {
  const { kind, listen } = parseLocal(local, protocol);
  return { kind: 'to-guest', protocol: kind, listen, guest: { kind: 'only' }, port: 1 };
}

function alreadyRunning({ protocol = 'tcp', local }: ExposeRequest): Error {
  return vnetError('vnet.forward-exists', `proxy already running for ${protocol} on ${local}`);
}

function toGvproxy({ name, records = [], patterns = [], defaultAddress = '' }: ZoneConfig) {
  return {
    Name: `${name}.`,
    Records: [
      ...records
        .filter(({ type }) => type === 'A')
        .map((record) => ({ Name: record.name, IP: record.value, Regexp: null })),
      ...patterns.map(({ pattern, address }) => ({ Name: '', IP: address, Regexp: pattern })),
    ],
    DefaultIP: defaultAddress,
  };
}

/** A zone in gvproxy's words. */
export function zoneOfGvproxy({ Name = '', Records, DefaultIP }: GvproxyZone): ZoneConfig {
  const records = Records ?? [];
  return {
    name: Name.replace(/\.$/, ''),
    records: records
      .filter(({ Regexp }) => Regexp === undefined || Regexp === null || Regexp === '')
      .map(({ Name: name = '', IP = '' }) => ({ name, type: typeOf(IP), value: IP })),
    patterns: records
      .filter(({ Regexp }) => Regexp !== undefined && Regexp !== null && Regexp !== '')
      .map(({ Regexp, IP = '' }) => ({ pattern: Regexp ?? '', address: IP })),
    defaultAddress: DefaultIP ?? '',
  };
}

function typeOf(text: string): 'A' | 'AAAA' {
  return IpAddress.parse(text)?.version === 6 ? 'AAAA' : 'A';
}
