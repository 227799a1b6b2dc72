import { readFileSync } from 'node:fs';
import type { OrlopError } from '@orlop/core';
import { vnetError } from '../errors.ts';
import { formatHostEndpoint } from './endpoint-text.ts';
import type { HostEndpoint, HostFailure } from './host-sockets.ts';

/** Why nobody can listen at an endpoint, and what to do about it. */
export function bindFailure(
  endpoint: HostEndpoint,
  failure: HostFailure,
  {
    cause,
    firstUserPort = readFirstUserPort,
  }: {
    readonly cause?: Error;
    /** @default what this host says */
    readonly firstUserPort?: () => number;
  } = {},
): OrlopError {
  const place = formatHostEndpoint(endpoint);
  const details = cause === undefined ? {} : { cause };
  if (failure === 'denied') {
    const first = firstUserPort();
    const low = endpoint.kind === 'ip' && endpoint.port < first;
    return vnetError('vnet.bind-denied', `this user may not listen on ${place}`, {
      ...details,
      hint: low
        ? `take a port from ${first} on, or let users have lower ones: sysctl net.ipv4.ip_unprivileged_port_start=${endpoint.port}`
        : 'the folder must be writable, and the address free to take',
    });
  }
  if (failure === 'address-unavailable') {
    return vnetError('vnet.bind-unavailable', `cannot listen on ${place}: ${failure}`, {
      ...details,
      hint: 'it is no address of this host (`ip address` lists them)',
    });
  }
  if (failure === 'not-found') {
    return vnetError('vnet.folder-missing', `cannot listen on ${place}: its folder is not there`, {
      ...details,
      hint: 'make the folder first, or name another',
    });
  }
  const hint =
    failure === 'address-in-use'
      ? 'take another, or end the program that has it (`ss -ltnup` names it)'
      : undefined;
  return vnetError('vnet.bind-failed', `cannot listen on ${place}: ${failure}`, {
    ...details,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Ports below are for privileged programs: ip(7), ip_unprivileged_port_start. 1024 where the host does not say. */
function readFirstUserPort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  } catch {
    return 1024;
  }
}
