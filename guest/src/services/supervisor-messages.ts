import type { ServiceOptions } from './options.ts';

export interface ServiceDefinition {
  readonly name: string;
  readonly options: ServiceOptions;
}

/** What the world tells the supervisor. */
export type SupervisorEvent =
  /** The service's process exists and runs. */
  | { readonly kind: 'started'; readonly name: string; readonly pid: number }
  /** The process has ended, or could not be made. */
  | { readonly kind: 'ended'; readonly name: string; readonly exitStatus: number }
  | { readonly kind: 'checked'; readonly name: string; readonly healthy: boolean }
  | { readonly kind: 'start' | 'stop' | 'restart'; readonly name: string }
  /** The machine goes down. */
  | { readonly kind: 'stop-all' };

/** What the supervisor wants done. */
export type SupervisorAction =
  | { readonly kind: 'start'; readonly name: string }
  | { readonly kind: 'signal'; readonly name: string; readonly pid: number; readonly signal: 'TERM' | 'KILL' }
  | { readonly kind: 'check'; readonly name: string }
  /** A service ended badly and will not come back. */
  | { readonly kind: 'report-failure'; readonly name: string; readonly exitStatus: number }
  | { readonly kind: 'report'; readonly name: string; readonly text: string }
  /** The end of its log belongs behind what was just reported. */
  | { readonly kind: 'show-log'; readonly name: string }
  | { readonly kind: 'poweroff'; readonly name: string }
  /** After `stop-all`: nothing runs any more. */
  | { readonly kind: 'all-stopped' };
