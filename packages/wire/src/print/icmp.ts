import { formatIpv4Address } from '../address/ipv4.ts';
import { formatIpv6Address } from '../address/ipv6.ts';
import { formatMac } from '../address/mac.ts';
import { ICMP_FRAGMENTATION_NEEDED, type IcmpFields } from '../icmp/icmp.ts';
import type { Icmpv6Fields } from '../icmp/icmpv6.ts';
import type { NdpOption } from '../icmp/ndp-options.ts';

/** An ICMP message of `length` bytes in all. */
export function formatIcmp(fields: IcmpFields, length: number): string {
  return `ICMP ${describeIcmp(fields)}, length ${length}`;
}

/** An ICMPv6 message of `length` bytes in all. */
export function formatIcmpv6(fields: Icmpv6Fields, length: number): string {
  return `ICMP6, ${describeIcmpv6(fields)}, length ${length}`;
}

function describeIcmp(fields: IcmpFields): string {
  switch (fields.kind) {
    case 'echo-request':
    case 'echo-reply':
      return `${fields.kind.replace('-', ' ')}, id ${fields.identifier}, seq ${fields.sequence}`;
    case 'destination-unreachable': {
      const names = ['net', 'host', 'protocol', 'port'];
      if (fields.code === ICMP_FRAGMENTATION_NEEDED)
        return `unreachable - need to frag (mtu ${fields.nextHopMtu})`;
      return `${names[fields.code] ?? `destination (code ${fields.code})`} unreachable`;
    }
    case 'redirect':
      return `redirect to ${formatIpv4Address(fields.gateway)}`;
    case 'time-exceeded':
      return fields.code === 1 ? 'ip reassembly time exceeded' : 'time exceeded in-transit';
    case 'parameter-problem':
      return `parameter problem - octet ${fields.pointer}`;
    case 'other':
      return `type-#${fields.type}`;
  }
}

function describeIcmpv6(fields: Icmpv6Fields): string {
  switch (fields.kind) {
    case 'echo-request':
    case 'echo-reply':
      return `${fields.kind.replace('-', ' ')}, id ${fields.identifier}, seq ${fields.sequence}`;
    case 'destination-unreachable': {
      const names = ['no route', 'prohibited', 'beyond scope', 'address', 'port'];
      return `destination unreachable, unreachable ${names[fields.code] ?? `code ${fields.code}`}`;
    }
    case 'packet-too-big':
      return `packet too big, mtu ${fields.mtu}`;
    case 'time-exceeded':
      return 'time exceeded';
    case 'parameter-problem':
      return `parameter problem, octet ${fields.pointer}`;
    case 'router-solicitation':
      return `router solicitation${formatNdpOptions(fields.options)}`;
    case 'router-advertisement':
      return `router advertisement, lifetime ${fields.lifetime}s${formatNdpOptions(fields.options)}`;
    case 'neighbor-solicitation':
      return `neighbor solicitation, who has ${formatIpv6Address(fields.target)}`;
    case 'neighbor-advertisement':
      return `neighbor advertisement, tgt is ${formatIpv6Address(fields.target)}`;
    case 'redirect':
      return `redirect, ${formatIpv6Address(fields.destination)} to ${formatIpv6Address(fields.target)}`;
    case 'mld-query':
      return `multicast listener query, ${formatIpv6Address(fields.group)}`;
    case 'mld-report':
    case 'mld-done':
      return `multicast listener ${fields.kind.slice(4)}, ${formatIpv6Address(fields.group)}`;
    case 'mld-v2-report':
      return `multicast listener report v2, ${fields.records.length} group record(s)`;
    case 'other':
      return `type-#${fields.type}`;
  }
}

function formatNdpOptions(options: readonly NdpOption[]): string {
  return options.map((option) => `, ${formatNdpOption(option)}`).join('');
}

function formatNdpOption(option: NdpOption): string {
  switch (option.kind) {
    case 'source-link-layer':
    case 'target-link-layer':
      return `${option.kind.slice(0, 6)} ${formatMac(option.mac)}`;
    case 'prefix':
    case 'route':
      return `${option.kind} ${formatIpv6Address(option.prefix)}/${option.prefixLength}`;
    case 'mtu':
      return `mtu ${option.mtu}`;
    case 'recursive-dns':
      return `rdnss ${option.servers.map(formatIpv6Address).join(' ')}`;
    case 'dns-search':
      return `dnssl ${option.domains.join(' ')}`;
    case 'other':
      return `option ${option.type}`;
  }
}
