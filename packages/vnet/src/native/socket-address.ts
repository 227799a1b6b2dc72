import { IpAddress } from '@orlop/netstack';
import type { HostEndpoint } from '../host/host-sockets.ts';
import { requireSocketPath } from '../host/socket-path.ts';
import { AF_INET, AF_INET6, AF_UNIX } from './constants.ts';

/** The largest of `sockaddr_in` (16), `sockaddr_in6` (28) and `sockaddr_un` (110). */
export const SOCKET_ADDRESS_MAX_LEN = 110;

/** Writes a `sockaddr` and gives its length. The family is in the host's byte order: little endian here. */
export function emitIpSocketAddress(into: Uint8Array, address: IpAddress, port: number): number {
  const length = address.version === 4 ? 16 : 28;
  into.fill(0, 0, length);
  into[0] = address.version === 4 ? AF_INET : AF_INET6;
  into[2] = port >>> 8;
  into[3] = port & 0xff;
  address.write(into, address.version === 4 ? 4 : 8);
  return length;
}

/** @throws OrlopError `vnet.path-too-long` */
export function emitUnixSocketAddress(into: Uint8Array, path: string): number {
  requireSocketPath(path);
  const bytes = new TextEncoder().encode(path);
  into.fill(0, 0, bytes.length + 3);
  into[0] = AF_UNIX;
  into.set(bytes, 2);
  return bytes.length + 3;
}

/** Reads what the kernel wrote; a unix socket without a name has the path ''. */
export function readSocketAddress(from: Uint8Array, length: number): HostEndpoint {
  const family = (from[0] ?? 0) | ((from[1] ?? 0) << 8);
  if (family === AF_INET || family === AF_INET6) {
    return {
      kind: 'ip',
      address: family === AF_INET ? IpAddress.read(4, from, 4) : IpAddress.read(6, from, 8),
      port: ((from[2] ?? 0) << 8) | (from[3] ?? 0),
    };
  }
  const end = from.indexOf(0, 2);
  return {
    kind: 'unix',
    path: new TextDecoder().decode(from.subarray(2, end < 0 || end > length ? length : end)),
  };
}
