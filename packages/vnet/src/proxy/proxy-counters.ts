import { OrlopError } from '@orlop/core';

/** What a network's proxies did for guests. */
export interface ProxyCounters {
  /** Heads that came whole, to the explicit proxy. */
  requests: number;
  /** Were no request, or named nothing that can be reached: the guest's own mistake. */
  invalid: number;
  denied: number;
  failed: number;
  /** Heads that did not become whole in time. */
  requestTimeouts: number;
  /** Proxies outside that did not answer in time. */
  upstreamTimeouts: number;
  /** Connections beyond what is served at once. */
  overLimit: number;
}

export function newProxyCounters(): ProxyCounters {
  return {
    requests: 0,
    invalid: 0,
    denied: 0,
    failed: 0,
    requestTimeouts: 0,
    upstreamTimeouts: 0,
    overLimit: 0,
  };
}

export function countFailure(counters: ProxyCounters, error: unknown): void {
  const kind = error instanceof OrlopError ? error.kind : 'failed';
  if (kind === 'timeout') counters.upstreamTimeouts++;
  else if (kind === 'denied') counters.denied++;
  else if (kind === 'invalid') counters.invalid++;
  else counters.failed++;
}
