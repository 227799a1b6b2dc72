import { ZONE } from './control/api-schemas.ts';
import type { JsonSchema } from './schema/json-schema.ts';

const text = (description: string): JsonSchema => ({ type: 'string', description });
const texts = (description: string): JsonSchema => ({
  type: 'array',
  items: { type: 'string' },
  description,
});
const textOrFalse = (description: string): JsonSchema => ({
  anyOf: [{ type: 'string' }, { type: 'boolean', enum: [false] }],
  description,
});

const BOOT: JsonSchema = {
  type: 'object',
  description: 'what guests start from by PXE',
  required: ['file'],
  properties: {
    file: text('a name on the server, or a URL for iPXE'),
    server: text('address of the TFTP server; the host'),
  },
  additionalProperties: false,
};

const RULE: JsonSchema = {
  type: 'object',
  required: ['action'],
  properties: {
    action: { type: 'string', enum: ['allow', 'deny'] },
    protocol: { type: 'string', enum: ['tcp', 'udp', 'icmp'] },
    to: text('ADDRESS or ADDRESS/LENGTH'),
    ports: { anyOf: [{ type: 'string' }, { type: 'integer' }], description: '443 or 8000-8100' },
    name: text('example.com or *.example.com'),
    from: text('guests by ADDRESS or ADDRESS/LENGTH'),
  },
  additionalProperties: false,
};

/** The configuration of a network: `orlop net up --config FILE`. */
export const NETWORK_SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    name: text('of the network'),
    subnet: text('IPv4 network of the guests: 192.168.127.0/24'),
    gateway: text('address of the gateway; the first of the subnet'),
    host: textOrFalse("address behind which the host's loopback is, or false"),
    ipv6: textOrFalse('a prefix of 64 bits, or false'),
    mtu: { type: 'integer', minimum: 1280, maximum: 65_520, description: 'largest IP packet' },
    domain: text('guests are NAME.DOMAIN'),
    search: texts('further domains to search'),
    dns: texts('servers to ask: ADDRESS or ADDRESS#PORT; those of the host'),
    resolver: { type: 'string', enum: ['forward', 'host'], description: 'how names of others are found' },
    zones: { type: 'array', items: ZONE, description: 'own zones' },
    names: {
      type: 'object',
      additionalProperties: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
      description: 'further names, each with its address or addresses',
    },
    leaseSeconds: { type: 'integer', minimum: 60, maximum: 0xffff_fffe },
    leases: {
      type: 'array',
      items: {
        type: 'object',
        required: ['mac', 'address'],
        properties: {
          mac: text('Ethernet address'),
          address: text('IPv4 address'),
          name: text('of the guest'),
          boot: BOOT,
        },
        additionalProperties: false,
      },
    },
    boot: BOOT,
    forwards: texts('[ADDRESS:]HOSTPORT:[GUEST:]GUESTPORT[/udp][,proxy=2] and other forms'),
    routes: {
      type: 'array',
      description: 'networks behind guests, as those of their containers',
      items: {
        type: 'object',
        required: ['to', 'via'],
        properties: { to: text('ADDRESS/LENGTH'), via: text('address of the guest') },
        additionalProperties: false,
      },
    },
    policy: {
      type: 'object',
      properties: {
        default: { type: 'string', enum: ['allow', 'deny'] },
        rules: { type: 'array', items: RULE },
      },
      additionalProperties: false,
    },
    proxy: {
      type: 'object',
      properties: {
        http: text('http://[USER:PASSWORD@]HOST:PORT or socks5://…'),
        https: text('the same, for HTTPS; as http'),
        exclude: texts('names, addresses and prefixes that are reached without a proxy'),
        environment: { type: 'boolean', description: 'take the rest from HTTP_PROXY and the like' },
        transparent: { type: 'boolean', description: 'for guests that know of no proxy' },
      },
      additionalProperties: false,
    },
    metadataAccess: { type: 'boolean', description: 'let guests reach 169.254.169.254' },
    hostAddresses: {
      type: 'boolean',
      description: "let guests reach the host by its interfaces' addresses; true",
    },
    spoofGuard: {
      type: 'boolean',
      description: "keep guests from speaking for each other's addresses, routers and DHCP servers; true",
    },
    gatewayMac: text('Ethernet address of the gateway'),
  },
  additionalProperties: false,
};
