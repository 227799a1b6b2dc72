import { execFile } from 'node:child_process';
import type { EchoFallback } from '../nat/echo-proxy.ts';

/** A guest that floods is not to fill the host with processes; requests beyond stay unanswered. */
const MAX_PROCESSES = 16;
const TIMEOUT_MS = 2000;
/** What ping(8) exits with when it could not send: the host has no way there. */
const COULD_NOT_SEND = 2;

/**
 * Echo requests by the host's `ping` program, where this user has no ping sockets (`net.ipv4.ping_group_range`
 * does not hold the user's group): the program has the privilege that we lack. One process for each request, so
 * round-trip times are some milliseconds longer than they are. Without the program, requests stay unanswered.
 */
export function pingProgram(): EchoFallback {
  let running = 0;
  return (address, payload, onOutcome) => {
    if (running >= MAX_PROCESSES) return;
    running++;
    const size = String(Math.min(payload.length, 65_000));
    const parameters = ['-n', '-q', '-c', '1', '-s', size, address.toString()];
    execFile('ping', parameters, { timeout: TIMEOUT_MS }, (error) => {
      running--;
      if (error === null) onOutcome(undefined);
      else if (error.code === COULD_NOT_SEND) onOutcome('network-unreachable');
    });
  };
}
