import { formatIpv6Address, ipv6FromMac, parseIpv6Address, parseMac } from '@orlop/wire';
import { vnetError } from '../errors.ts';

const PREFIX = 'fe80::';

/**
 * The address of IPv6 that a guest makes itself out of its card's (RFC 4291 §2.5.6, appendix A), as Linux does unless told
 * otherwise.
 *
 * @throws OrlopError `vnet.config-invalid`
 */
export function linkLocalAddress(mac: string): string {
  const bytes = parseMac(mac);
  const prefix = parseIpv6Address(PREFIX);
  if (bytes === undefined || prefix === undefined)
    throw vnetError('vnet.config-invalid', `"${mac}" is no address of a network card`);
  return formatIpv6Address(ipv6FromMac(prefix, bytes));
}
