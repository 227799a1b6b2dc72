import type { OrlopError } from '@orlop/core';
import { vnetError } from '../errors.ts';
import { formatHostEndpoint } from './endpoint-text.ts';
import type { HostEndpoint, HostFailure } from './host-sockets.ts';

/** Ports below are for privileged programs, unless the host says otherwise (ip(7), ip_unprivileged_port_start). */
const FIRST_PORT_OF_USERS = 1024;

/** Why nobody can listen at an endpoint, and what to do about it. */
export function bindFailure(endpoint: HostEndpoint, failure: HostFailure, cause?: Error): OrlopError {
  const place = formatHostEndpoint(endpoint);
  const details = cause === undefined ? {} : { cause };
  if (failure === 'denied') {
    const low = endpoint.kind === 'ip' && endpoint.port < FIRST_PORT_OF_USERS;
    return vnetError('vnet.bind-denied', `this user may not listen on ${place}`, {
      ...details,
      hint: low
        ? `take a port from ${FIRST_PORT_OF_USERS} on, or let users have lower ones: sysctl net.ipv4.ip_unprivileged_port_start=${endpoint.port}`
        : 'the folder must be writable, and the address free to take',
    });
  }
  const hint =
    failure === 'address-in-use'
      ? 'take another, or end the program that has it (`ss -ltnup` names it)'
      : failure === 'address-unavailable'
        ? 'it is no address of this host (`ip address` lists them)'
        : failure === 'not-found'
          ? 'the folder of the socket must exist'
          : undefined;
  return vnetError('vnet.bind-failed', `cannot listen on ${place}: ${failure}`, {
    ...details,
    ...(hint === undefined ? {} : { hint }),
  });
}
