import type { ErrorKind } from '@orlop/core';

/** What each kind of failure exits with; documented in docs/reference/exit-status.md. */
export const exitStatus: Readonly<Record<ErrorKind, number>> = {
  failed: 1,
  invalid: 2,
  'not-found': 3,
  conflict: 4,
  integrity: 5,
  denied: 6,
  unavailable: 7,
  timeout: 8,
  cancelled: 130,
};

/** What a command that ended so failed of. */
export function kindOfStatus(status: number | null | undefined): ErrorKind {
  const kinds = Object.entries(exitStatus) as [ErrorKind, number][];
  return kinds.find(([, value]) => value === status)?.[0] ?? 'failed';
}
