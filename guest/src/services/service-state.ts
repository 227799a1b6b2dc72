/** Where one service stands. `*Ms` are times since the kernel started. */
export type ServiceState =
  /** Its dependencies are not there yet. */
  | { readonly kind: 'waiting'; readonly waitsFor: string }
  | { readonly kind: 'starting'; readonly sinceMs: number }
  | { readonly kind: 'running'; readonly sinceMs: number; readonly pid: number; readonly health: Health }
  /** Asked to end; killed when `killAtMs` has come. `next` is what becomes of it then. */
  | {
      readonly kind: 'stopping';
      readonly killAtMs: number;
      readonly pid: number;
      readonly next: 'stay' | 'start' | 'restart-policy';
    }
  /** Ended, and will be started again. */
  | { readonly kind: 'backoff'; readonly untilMs: number; readonly exitStatus: number }
  /** Ended by itself without a failure, and stays so. */
  | { readonly kind: 'completed' }
  | { readonly kind: 'failed'; readonly exitStatus: number }
  /** Cannot start: its dependencies failed, are missing, or the boot was stopped. */
  | { readonly kind: 'blocked'; readonly reason: string }
  /** Stopped on request. */
  | { readonly kind: 'stopped' };

export type Health =
  | { readonly kind: 'unchecked' }
  | { readonly kind: 'starting'; readonly failures: number }
  | { readonly kind: 'healthy'; readonly failures: number }
  | { readonly kind: 'unhealthy' };

/** True while there is, or may be, a process of the service. */
export function isAlive(state: ServiceState): boolean {
  switch (state.kind) {
    case 'starting':
    case 'running':
    case 'stopping':
      return true;
    case 'waiting':
    case 'backoff':
    case 'completed':
    case 'failed':
    case 'blocked':
    case 'stopped':
      return false;
  }
}

/** One line for people, as `service list` shows it. */
export function describeState(state: ServiceState): string {
  switch (state.kind) {
    case 'waiting':
      return `waiting for ${state.waitsFor}`;
    case 'starting':
    case 'stopping':
    case 'completed':
    case 'stopped':
      return state.kind;
    case 'running':
      return state.health.kind === 'unchecked' ? 'running' : `running (${state.health.kind})`;
    case 'backoff':
      return `restarting after exit status ${state.exitStatus}`;
    case 'failed':
      return `failed with exit status ${state.exitStatus}`;
    case 'blocked':
      return `blocked: ${state.reason}`;
  }
}
