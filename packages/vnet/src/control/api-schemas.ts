import { ZONE_RECORD_TYPES } from '../dns/zone-record.ts';
import type { JsonSchema } from '../schema/json-schema.ts';

const text = (description: string): JsonSchema => ({ type: 'string', description });
const count = (description: string): JsonSchema => ({ type: 'integer', minimum: 0, description });
const texts = (description: string): JsonSchema => ({
  type: 'array',
  items: { type: 'string' },
  description,
});

export const EMPTY: JsonSchema = { type: 'object' };

export const FORWARDS_BODY: JsonSchema = {
  type: 'object',
  required: ['forwards'],
  properties: { forwards: texts('[ADDRESS:]HOSTPORT:[GUEST:]GUESTPORT[/udp][,proxy=2] and other forms') },
  additionalProperties: false,
};

export const FORWARD: JsonSchema = {
  type: 'object',
  required: ['id', 'text', 'connections', 'active', 'failed', 'bytesToGuest', 'bytesFromGuest'],
  properties: {
    id: text('tells forwards apart: tcp:127.0.0.1:8080'),
    text: text('as people write it'),
    local: text('where the host listens, with the port that it chose'),
    connections: count('connections, or clients, so far'),
    active: count('now'),
    failed: count('connections that failed'),
    bytesToGuest: count('bytes'),
    bytesFromGuest: count('bytes'),
    lastError: text('what went wrong last'),
  },
};

export const PROBE: JsonSchema = {
  type: 'object',
  required: ['id', 'state'],
  properties: {
    id: text('of the forward'),
    state: { type: 'string', enum: ['reachable', 'unreachable', 'unknown'] },
    guest: text('where it leads now'),
    reason: text('why it is not reachable'),
    latencyMs: { type: 'number', minimum: 0 },
  },
};

export const LEASE: JsonSchema = {
  type: 'object',
  required: ['mac', 'address', 'name', 'static'],
  properties: {
    mac: text('Ethernet address'),
    address: text('IPv4 address'),
    name: text('what the guest is called; empty when nobody said'),
    static: { type: 'boolean' },
    expiresAt: text('RFC 3339'),
  },
};

export const LEASE_BODY: JsonSchema = {
  type: 'object',
  required: ['mac', 'address'],
  properties: { mac: text('Ethernet address'), address: text('IPv4 address'), name: text('of the guest') },
  additionalProperties: false,
};

export const MACHINE_BODY: JsonSchema = {
  type: 'object',
  required: ['name', 'mac'],
  properties: {
    name: text('of the machine'),
    mac: text('Ethernet address'),
    forwards: texts('as above'),
    userData: text('base64; served to the machine at 169.254.169.254 in the forms of clouds'),
    cable: text('unix socket on which the machine listens; without it, the machine plugs in itself'),
  },
  additionalProperties: false,
};

export const MACHINE: JsonSchema = {
  type: 'object',
  required: ['name', 'mac', 'address'],
  properties: { name: text('of the machine'), mac: text('Ethernet address'), address: text('IPv4 address') },
};

const PORT: JsonSchema = {
  type: 'object',
  required: ['id', 'name', 'kind', 'mtu', 'drops'],
  properties: {
    id: count('tells ports apart'),
    name: text('of what is plugged in'),
    kind: text('of the link'),
    mtu: count('bytes'),
    framesIn: count('frames'),
    framesOut: count('frames'),
    bytesIn: count('bytes'),
    bytesOut: count('bytes'),
    dropped: count('frames'),
    drops: { type: 'object', additionalProperties: count('frames'), description: 'by their reasons' },
  },
};

const orNull = (description: string): JsonSchema => ({
  anyOf: [{ type: 'string' }, { type: 'null' }],
  description,
});

const counters = (description: string): JsonSchema => ({
  type: 'object',
  additionalProperties: { type: 'number' },
  description,
});

export const STATUS: JsonSchema = {
  type: 'object',
  required: [
    'name',
    'pid',
    'subnet',
    'gateway',
    'host',
    'ipv6',
    'mtu',
    'domain',
    'listen',
    'machines',
    'ports',
  ],
  properties: {
    name: text('of the network'),
    pid: count('of its process'),
    subnet: text('ADDRESS/LENGTH'),
    gateway: text('IPv4 address'),
    host: orNull('address by which guests reach the host'),
    ipv6: orNull('PREFIX/LENGTH'),
    mtu: count('bytes'),
    domain: text('of the names of guests'),
    listen: texts('where guests plug in'),
    machines: listOf(MACHINE),
    ports: listOf(PORT),
    connections: count('TCP, now'),
    udpFlows: count('now'),
    counters: {
      type: 'object',
      properties: {
        tcpNat: counters('of connections out of the network'),
        udpNat: counters('of flows out of the network'),
        echo: counters('of pings out of the network'),
        dhcp: counters('of requests for addresses'),
        dns: counters('of questions'),
        dnsCache: counters('of answers kept'),
        dnsUpstream: counters('of questions asked elsewhere'),
        tcp: counters("of the gateway's own stack"),
        udp: counters("of the gateway's own stack"),
        policyDenied: count('by the policy'),
        spoofedSources: count('frames'),
      },
    },
  },
};

export const ZONE_RECORD: JsonSchema = {
  type: 'object',
  required: ['name', 'type', 'value'],
  properties: {
    name: text('relative to the zone; @ is the zone, * all other names'),
    type: { type: 'string', enum: ZONE_RECORD_TYPES },
    value: text('an address, a name, a text, "10 mail" (MX), "0 5 5060 sip" (SRV)'),
    ttl: { type: 'integer', minimum: 0, maximum: 0x7fff_ffff },
  },
  additionalProperties: false,
};

export const ZONE: JsonSchema = {
  type: 'object',
  required: ['name'],
  properties: {
    name: text('example.internal; empty for records anywhere'),
    records: { type: 'array', items: ZONE_RECORD },
    defaultAddress: text('of every name that has no record'),
    patterns: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pattern', 'address'],
        properties: { pattern: text('a regular expression'), address: text('IP address') },
        additionalProperties: false,
      },
    },
    fallThrough: { type: 'boolean', description: 'ask upstream for names that the zone does not have' },
  },
  additionalProperties: false,
};

export const RECORD_BODY: JsonSchema = {
  ...ZONE_RECORD,
  required: ['zone', ...(ZONE_RECORD.required ?? [])],
  properties: { zone: text('made when there is none of that name'), ...ZONE_RECORD.properties },
};

export const FLOW: JsonSchema = {
  type: 'object',
  required: ['protocol', 'direction', 'guest', 'peer', 'state', 'bytesFromGuest', 'bytesToGuest'],
  properties: {
    id: text('for DELETE'),
    protocol: { type: 'string', enum: ['tcp', 'udp'] },
    direction: { type: 'string', enum: ['out', 'in'] },
    guest: text('ADDRESS:PORT'),
    guestName: text('of its lease'),
    peer: text('ADDRESS:PORT, as the guest sees it'),
    peerName: text('by which a guest found the address'),
    state: text('of the connection; answered or unanswered for udp'),
    bytesFromGuest: count('bytes'),
    bytesToGuest: count('bytes'),
    rttMs: { type: 'number', minimum: 0, description: 'between gateway and guest' },
    retransmits: count('segments sent again'),
    ageMs: { type: 'number', minimum: 0 },
    idleMs: { type: 'number', minimum: 0 },
  },
};

export function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}
