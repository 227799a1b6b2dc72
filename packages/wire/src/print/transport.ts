import { DHCPV4_CLIENT_PORT, DHCPV4_SERVER_PORT, parseDhcpv4 } from '../dhcp/dhcpv4.ts';
import { DHCPV6_CLIENT_PORT, DHCPV6_SERVER_PORT, parseDhcpv6 } from '../dhcp/dhcpv6.ts';
import { DNS_PORT, parseDns } from '../dns/parse.ts';
import { NTP_PORT, type NtpFields, parseNtp } from '../time/ntp.ts';
import {
  parseTcp,
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
  type TcpFields,
  TcpView,
} from '../transport/tcp.ts';
import type { TcpOptions } from '../transport/tcp-options.ts';
import { parseUdp, UDP_HEADER_LEN } from '../transport/udp.ts';
import { formatDhcpv4, formatDhcpv6 } from './dhcp.ts';
import { formatDns } from './dns.ts';

/** Two addresses in text, to which ports are appended. */
export interface PrintedAddresses {
  readonly source: string;
  readonly destination: string;
}

/** A TCP segment as `tcpdump -nS` prints it. */
export function formatTcpSegment(
  bytes: Uint8Array,
  offset: number,
  of: PrintedAddresses & { readonly end: number },
): string {
  const fields = parseTcp(bytes, offset, of.end);
  if (typeof fields === 'string') return `${of.source} > ${of.destination}: TCP, ${fields}`;
  const ports = `${of.source}.${fields.sourcePort} > ${of.destination}.${fields.destinationPort}`;
  return `${ports}: ${formatTcp(fields, of.end - offset - TcpView.headerLength(bytes, offset))}`;
}

/** Everything of a segment but addresses and ports. */
export function formatTcp(fields: TcpFields, payloadLength: number): string {
  const parts = [`Flags [${formatFlags(fields.flags)}]`];
  const { sequence } = fields;
  if (payloadLength > 0) parts.push(`seq ${sequence}:${(sequence + payloadLength) >>> 0}`);
  else if ((fields.flags & (TCP_SYN | TCP_FIN | TCP_RST)) !== 0) parts.push(`seq ${sequence}`);
  if ((fields.flags & TCP_ACK) !== 0) parts.push(`ack ${fields.acknowledgment}`);
  parts.push(`win ${fields.window}`);
  if ((fields.flags & TCP_URG) !== 0) parts.push(`urg ${fields.urgentPointer}`);
  const options = formatOptions(fields.options);
  if (options !== '') parts.push(`options [${options}]`);
  parts.push(`length ${payloadLength}`);
  return parts.join(', ');
}

/** A UDP datagram; what the well-known ports carry is printed as that. */
export function formatUdpDatagram(
  bytes: Uint8Array,
  offset: number,
  of: PrintedAddresses & { readonly end: number },
): string {
  const fields = parseUdp(bytes, offset, of.end);
  if (typeof fields === 'string') return `${of.source} > ${of.destination}: UDP, ${fields}`;
  const from = offset + UDP_HEADER_LEN;
  const ports = [fields.sourcePort, fields.destinationPort];
  const known = formatPayload(bytes, { offset: from, end: from + fields.payloadLength, ports });
  const what = known ?? `UDP, length ${fields.payloadLength}`;
  return `${of.source}.${fields.sourcePort} > ${of.destination}.${fields.destinationPort}: ${what}`;
}

export function formatNtp(fields: NtpFields): string {
  const modes = ['reserved', 'active', 'passive', 'Client', 'Server', 'Broadcast', 'control', 'private'];
  return `NTPv${fields.version}, ${modes[fields.mode]}, stratum ${fields.stratum}`;
}

function formatPayload(
  bytes: Uint8Array,
  of: { readonly offset: number; readonly end: number; readonly ports: readonly number[] },
): string | undefined {
  const { offset, end, ports } = of;
  const length = end - offset;
  const carries = (...known: number[]): boolean => known.some((port) => ports.includes(port));
  if (carries(DNS_PORT)) {
    const dns = parseDns(bytes, offset, end);
    return typeof dns === 'string' ? `DNS, ${dns}` : formatDns(dns, length);
  }
  if (carries(DHCPV4_SERVER_PORT, DHCPV4_CLIENT_PORT)) {
    const dhcp = parseDhcpv4(bytes, offset, end);
    return typeof dhcp === 'string' ? `BOOTP/DHCP, ${dhcp}` : formatDhcpv4(dhcp, length);
  }
  if (carries(DHCPV6_SERVER_PORT, DHCPV6_CLIENT_PORT)) {
    const dhcp = parseDhcpv6(bytes, offset, end);
    return typeof dhcp === 'string' ? `dhcp6, ${dhcp}` : formatDhcpv6(dhcp);
  }
  if (carries(NTP_PORT)) {
    const ntp = parseNtp(bytes, offset, end);
    return typeof ntp === 'string' ? `NTP, ${ntp}` : `${formatNtp(ntp)}, length ${length}`;
  }
  return undefined;
}

function formatFlags(flags: number): string {
  let text = '';
  if ((flags & TCP_FIN) !== 0) text += 'F';
  if ((flags & TCP_SYN) !== 0) text += 'S';
  if ((flags & TCP_RST) !== 0) text += 'R';
  if ((flags & TCP_PSH) !== 0) text += 'P';
  if ((flags & TCP_ACK) !== 0) text += '.';
  if ((flags & TCP_URG) !== 0) text += 'U';
  if ((flags & TCP_ECE) !== 0) text += 'E';
  if ((flags & TCP_CWR) !== 0) text += 'W';
  return text === '' ? 'none' : text;
}

/** With the padding that {@link emitTcp} writes. */
function formatOptions(options: TcpOptions): string {
  const parts: string[] = [];
  if (options.mss !== undefined) parts.push(`mss ${options.mss}`);
  const { timestamps, sack } = options;
  if (options.sackPermitted === true) parts.push(timestamps === undefined ? 'nop,nop,sackOK' : 'sackOK');
  if (timestamps !== undefined) {
    if (options.sackPermitted !== true) parts.push('nop', 'nop');
    parts.push(`TS val ${timestamps.value} ecr ${timestamps.echo}`);
  }
  if (options.windowScale !== undefined) parts.push(`nop,wscale ${options.windowScale}`);
  if (sack !== undefined) {
    const blocks = sack.map(({ left, right }) => `{${left}:${right}}`).join('');
    parts.push(`nop,nop,sack ${sack.length} ${blocks}`);
  }
  for (const other of options.others ?? []) parts.push(`unknown-${other.kind}`);
  return parts.join(',');
}
