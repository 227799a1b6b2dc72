import type { HostFailure } from '../host/host-sockets.ts';
import * as linux from './constants.ts';

const FAILURES: ReadonlyMap<number, HostFailure> = new Map<number, HostFailure>([
  [linux.ECONNREFUSED, 'refused'],
  [linux.ECONNRESET, 'reset'],
  [linux.EPIPE, 'reset'],
  [linux.ETIMEDOUT, 'timed-out'],
  [linux.EHOSTUNREACH, 'host-unreachable'],
  [linux.ENETUNREACH, 'network-unreachable'],
  [linux.ENETDOWN, 'network-unreachable'],
  [linux.EACCES, 'denied'],
  [linux.EPERM, 'denied'],
  [linux.EMSGSIZE, 'too-big'],
  [linux.EADDRINUSE, 'address-in-use'],
  [linux.EADDRNOTAVAIL, 'address-unavailable'],
  [linux.EAFNOSUPPORT, 'address-unavailable'], // a host without IPv6
  [linux.ENOENT, 'not-found'],
  [linux.EMFILE, 'exhausted'],
  [linux.ENFILE, 'exhausted'],
  [linux.ENOBUFS, 'exhausted'],
]);

export function failureOfErrno(errno: number): HostFailure {
  return FAILURES.get(errno) ?? 'other';
}
