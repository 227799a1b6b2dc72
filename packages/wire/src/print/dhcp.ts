import { formatIpv4Address } from '../address/ipv4.ts';
import { formatMac } from '../address/mac.ts';
import type { Dhcpv4Fields } from '../dhcp/dhcpv4.ts';
import type { Dhcpv6Fields } from '../dhcp/dhcpv6.ts';

/** `BOOTP/DHCP, Request from 52:54:00:00:00:0b, discover, length 300`. */
export function formatDhcpv4(fields: Dhcpv4Fields, length: number): string {
  const what =
    fields.operation === 'request'
      ? `Request from ${formatMac(fields.clientMac)}`
      : `Reply to ${formatMac(fields.clientMac)}`;
  const parts = ['BOOTP/DHCP', what, fields.messageType];
  if (fields.yourIp !== 0) parts.push(`your ${formatIpv4Address(fields.yourIp)}`);
  const { requestedIp, leaseTime } = fields.options;
  if (requestedIp !== undefined) parts.push(`requested ${formatIpv4Address(requestedIp)}`);
  if (leaseTime !== undefined) parts.push(`lease ${leaseTime}s`);
  return `${parts.join(', ')}, length ${length}`;
}

/** `dhcp6 information-request`. */
export function formatDhcpv6(fields: Dhcpv6Fields): string {
  const options = fields.options.map((option) =>
    option.kind === 'other' ? `opt_${option.code}` : option.kind,
  );
  return `dhcp6 ${fields.messageType} (xid=${fields.transactionId.toString(16)}) ${options.join(' ')}`;
}
