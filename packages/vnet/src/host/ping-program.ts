import { execFile } from 'node:child_process';
import { IpAddress } from '@orlop/netstack';
import type { EchoFallback } from '../nat/echo-proxy.ts';

/** A guest that floods is not to fill the host with processes; requests beyond stay unanswered. */
const MAX_PROCESSES = 16;
const TIMEOUT_MS = 2000;
/** What ping(8) exits with when it could not send: the host has no way there. */
const COULD_NOT_SEND = 2;
/** What iputils' ping says of a router at which the request may go no further, by IPv4 and by IPv6. */
const EXPIRED = /^From (\S+?):? icmp_seq=\d+ Time (?:to live )?exceeded/m;

/**
 * Echo requests by the host's `ping` program, where this user has no ping sockets (`net.ipv4.ping_group_range`
 * does not hold the user's group): the program has the privilege that we lack. One process for each request, so
 * round-trip times are some milliseconds longer than they are. Without the program, requests stay unanswered.
 */
export function pingProgram(): EchoFallback {
  let running = 0;
  return (address, { payload, hopLimit }, onOutcome) => {
    if (running >= MAX_PROCESSES) return;
    running++;
    const size = String(Math.min(payload.length, 65_000));
    const hops = hopLimit === undefined ? [] : ['-t', String(hopLimit)];
    const parameters = ['-n', '-c', '1', '-s', size, ...hops, address.toString()];
    // In the language that is read here.
    const words = ['LC_ALL=C', 'ping', ...parameters];
    execFile('env', words, { timeout: TIMEOUT_MS }, (error, output) => {
      running--;
      if (error === null) return onOutcome(undefined);
      const router = IpAddress.parse(EXPIRED.exec(output)?.[1] ?? '');
      if (router !== undefined) onOutcome('time-exceeded', { address: router });
      else if (error.code === COULD_NOT_SEND) onOutcome('network-unreachable');
    });
  };
}
