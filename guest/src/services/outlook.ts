import type { Dependency } from './options.ts';
import type { Health, ServiceState } from './service-state.ts';

/** Whether what waits for a service may start now, later or never. */
export type Outlook =
  | { readonly kind: 'reached' }
  | { readonly kind: 'open' }
  | { readonly kind: 'hopeless'; readonly reason: string };

/**
 * What a service that waits for another can expect of it. Without a health check, to run is all the health there is to
 * see.
 */
export function outlookOf(
  condition: Dependency['condition'],
  state: ServiceState,
  { hasHealthCheck }: { readonly hasHealthCheck: boolean },
): Outlook {
  switch (state.kind) {
    case 'running':
      return isReached(condition, state.health, hasHealthCheck) ? { kind: 'reached' } : { kind: 'open' };
    case 'completed':
      // It has started and ended as it should; only its health can no longer be asked.
      return condition === 'healthy' ? { kind: 'hopeless', reason: 'has ended' } : { kind: 'reached' };
    case 'failed':
      return { kind: 'hopeless', reason: `has failed with exit status ${state.exitStatus}` };
    case 'blocked':
      return { kind: 'hopeless', reason: 'cannot start' };
    case 'stopped':
    case 'waiting':
    case 'starting':
    case 'stopping':
    case 'backoff':
      return { kind: 'open' };
  }
}

function isReached(condition: Dependency['condition'], health: Health, hasHealthCheck: boolean): boolean {
  switch (condition) {
    case 'started':
      return true;
    case 'healthy':
      return health.kind === 'healthy' || !hasHealthCheck;
    case 'completed':
      return false;
  }
}
