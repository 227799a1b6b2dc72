import type { Problem } from '@orlop/core';
import type { GvproxyZone, JsonSchema, NetworkConfig } from '@orlop/vnet';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { readSchemaFile } from './net-config.ts';

/** The file of gvproxy's `-config`: what the command line says too, and the network itself. */
export interface GvproxyFile {
  readonly listen?: readonly string[];
  readonly 'log-level'?: string;
  readonly stack?: GvproxyStack;
  readonly interfaces?: {
    readonly vpnkit?: string;
    readonly qemu?: string;
    readonly bess?: string;
    readonly stdio?: string;
    readonly vfkit?: string;
  };
  readonly forwards?: readonly {
    readonly socket: string;
    readonly dest: string;
    readonly user: string;
    readonly identity: string;
  }[];
  readonly 'pid-file'?: string;
  readonly 'log-file'?: string;
  readonly services?: string;
  readonly 'ec2-metadata-access'?: boolean;
  readonly notification?: string;
}

export interface GvproxyStack {
  readonly debug?: boolean;
  readonly 'capture-file'?: string;
  readonly mtu?: number;
  readonly subnet?: string;
  readonly gatewayIP?: string;
  readonly gatewayMacAddress?: string;
  readonly gatewayIPv6?: string;
  readonly deviceIP?: string;
  readonly hostIP?: string;
  readonly dns?: readonly {
    readonly name: string;
    readonly records?: readonly { readonly name?: string; readonly ip: string; readonly regexp?: string }[];
    readonly defaultIP?: string;
  }[];
  readonly dnsSearchDomains?: readonly string[];
  readonly forwards?: Readonly<Record<string, string>>;
  readonly nat?: Readonly<Record<string, string>>;
  readonly gatewayVirtualIPs?: readonly string[];
  readonly dhcpStaticLeases?: Readonly<Record<string, string>>;
  readonly vpnKitUUIDMacAddresses?: Readonly<Record<string, string>>;
  readonly ec2MetadataAccess?: boolean;
  readonly blockAllOutbound?: boolean;
}

const TEXT: JsonSchema = { type: 'string' };
const TEXTS: JsonSchema = { type: 'array', items: TEXT };
const SWITCH: JsonSchema = { type: 'boolean' };
const TEXT_MAP: JsonSchema = { type: 'object', additionalProperties: TEXT };
const object = (properties: Record<string, JsonSchema>, required: readonly string[] = []): JsonSchema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

const GVPROXY_SCHEMA: JsonSchema = object({
  listen: TEXTS,
  'log-level': TEXT,
  stack: object({
    debug: SWITCH,
    'capture-file': TEXT,
    mtu: { type: 'integer' },
    subnet: TEXT,
    gatewayIP: TEXT,
    gatewayMacAddress: TEXT,
    gatewayIPv6: TEXT,
    deviceIP: TEXT,
    hostIP: TEXT,
    dns: {
      type: 'array',
      items: object(
        {
          name: TEXT,
          records: { type: 'array', items: object({ name: TEXT, ip: TEXT, regexp: TEXT }, ['ip']) },
          defaultIP: TEXT,
        },
        ['name'],
      ),
    },
    dnsSearchDomains: TEXTS,
    forwards: TEXT_MAP,
    nat: TEXT_MAP,
    gatewayVirtualIPs: TEXTS,
    dhcpStaticLeases: TEXT_MAP,
    vpnKitUUIDMacAddresses: TEXT_MAP,
    ec2MetadataAccess: SWITCH,
    blockAllOutbound: SWITCH,
  }),
  interfaces: object({ vpnkit: TEXT, qemu: TEXT, bess: TEXT, stdio: TEXT, vfkit: TEXT }),
  forwards: {
    type: 'array',
    items: object({ socket: TEXT, dest: TEXT, user: TEXT, identity: TEXT }, [
      ...['socket', 'dest', 'user', 'identity'],
    ]),
  },
  'pid-file': TEXT,
  'log-file': TEXT,
  services: TEXT,
  'ec2-metadata-access': SWITCH,
  notification: TEXT,
});

/** @throws OrlopError `net.no-config`, `net.config-invalid` */
export function readGvproxyFile(context: CommandContext, file: string): Promise<GvproxyFile> {
  return readSchemaFile(context, file, {
    schema: GVPROXY_SCHEMA,
    read: (value) => {
      const read = value as GvproxyFile;
      const problems = addressProblems(read.stack ?? {});
      if (problems.length > 0) {
        throw cliError('net.config-invalid', `${file} asks for what is not here`, { problems });
      }
      return read;
    },
  });
}

/** The gateway is the first address of its prefix. */
const GATEWAY_IPV6 = /^([0-9a-f]+(?::[0-9a-f]+){0,3})::1$/i;

/** The gateway answers for itself and for one address, behind which the host's loopback is. */
function addressProblems(stack: GvproxyStack): readonly Problem[] {
  const { nat = {}, gatewayVirtualIPs = [] } = stack;
  const problems: (Problem & { readonly path: readonly string[] })[] = [];
  for (const [from, to] of Object.entries(nat)) {
    if (to === '127.0.0.1' && Object.keys(nat).length === 1) continue;
    const message = `nat leads ${from} to ${to}; one address can be led, to 127.0.0.1`;
    problems.push({ message, path: ['stack', 'nat', from] });
  }
  if (stack.gatewayIPv6 !== undefined && !GATEWAY_IPV6.test(stack.gatewayIPv6)) {
    const message = `gatewayIPv6 is ${stack.gatewayIPv6}; it ends with ::1, the first of its 64 bits`;
    problems.push({ message, path: ['stack', 'gatewayIPv6'] });
  }
  const own = [hostOf(stack), stack.gatewayIP];
  for (const address of gatewayVirtualIPs) {
    if (own.includes(address)) continue;
    const message = `gatewayVirtualIPs has ${address}, which is neither the gateway nor led by nat`;
    problems.push({ message, path: ['stack', 'gatewayVirtualIPs'] });
  }
  return problems;
}

function hostOf({ nat = {}, hostIP, gatewayVirtualIPs = [] }: GvproxyStack): string | undefined {
  // As gvproxy: the address is the last of the subnet where nothing is said of it.
  return Object.keys(nat)[0] ?? hostIP ?? (gatewayVirtualIPs.length === 1 ? gatewayVirtualIPs[0] : undefined);
}

/** A network as the file has it; what the file leaves out has gvproxy's defaults. */
export function networkOfStack(
  stack: GvproxyStack,
  zoneOf: (zone: GvproxyZone) => NonNullable<NetworkConfig['zones']>[number],
): NetworkConfig {
  const { subnet, gatewayIP, gatewayMacAddress, gatewayIPv6, dns, dnsSearchDomains, dhcpStaticLeases } =
    stack;
  const host = hostOf(stack);
  return {
    ...(subnet !== undefined && { subnet }),
    ...(gatewayIP !== undefined && { gateway: gatewayIP }),
    ...(host !== undefined && { host }),
    ...(gatewayMacAddress !== undefined && { gatewayMac: gatewayMacAddress }),
    ...(gatewayIPv6 !== undefined && { ipv6: gatewayIPv6.replace(GATEWAY_IPV6, '$1::/64') }),
    search: dnsSearchDomains ?? [],
    leases: Object.entries(dhcpStaticLeases ?? {}).map(([address, mac]) => ({ mac, address })),
    zones: (dns ?? []).map(({ name, records = [], defaultIP }) =>
      zoneOf({
        Name: name,
        Records: records.map(({ name: own = '', ip, regexp }) => ({
          Name: own,
          IP: ip,
          ...(regexp !== undefined && { Regexp: regexp }),
        })),
        ...(defaultIP !== undefined && { DefaultIP: defaultIP }),
      }),
    ),
    ...(stack.blockAllOutbound === true && { policy: { default: 'deny' as const } }),
  };
}
