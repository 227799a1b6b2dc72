import type { HostEndpoint } from '../host/host-sockets.ts';

/** HAProxy, "The PROXY protocol", versions 1 and 2, section 2.2. */
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const VERSION_2_PROXY = 0x21;
const VERSION_2_LOCAL = 0x20;

/** What tells a server who its client is: `source` connected to `destination`. */
export function proxyHeader(version: 1 | 2, source: HostEndpoint, destination: HostEndpoint): Uint8Array {
  return version === 1 ? version1(source, destination) : version2(source, destination);
}

function version1(source: HostEndpoint, destination: HostEndpoint): Uint8Array {
  if (source.kind === 'unix' || destination.kind === 'unix')
    return new TextEncoder().encode('PROXY UNKNOWN\r\n');
  const family = source.address.version === 4 ? 'TCP4' : 'TCP6';
  const line = `PROXY ${family} ${source.address} ${destination.address} ${source.port} ${destination.port}\r\n`;
  return new TextEncoder().encode(line);
}

function version2(source: HostEndpoint, destination: HostEndpoint): Uint8Array {
  if (source.kind === 'unix' || destination.kind === 'unix') {
    return Uint8Array.from([...SIGNATURE, VERSION_2_LOCAL, 0, 0, 0]);
  }
  const addresses = [...source.address.toBytes(), ...destination.address.toBytes()];
  const ports = [source.port >>> 8, source.port & 0xff, destination.port >>> 8, destination.port & 0xff];
  const family = source.address.version === 4 ? 0x11 : 0x21; // stream over IPv4, IPv6
  const length = addresses.length + ports.length;
  return Uint8Array.from([
    ...SIGNATURE,
    VERSION_2_PROXY,
    family,
    length >>> 8,
    length & 0xff,
    ...addresses,
    ...ports,
  ]);
}
