import type { OrlopError } from '@orlop/core';
import type { HostSide } from './asked-ports.ts';
import { bracket } from './published-ports.ts';

/** Why the host cannot give a port, as dockerd words it, for programs that read it, and with what dockerd cannot know: who has it. */
export function portRefusal(side: HostSide, error: OrlopError, holder: string | undefined): string {
  const bind = `Bind for ${bracket(side.hostAddress)}:${side.hostPort} failed:`;
  const why = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
  if (error.code === 'vnet.bind-denied') return `${bind} permission denied: ${why}`;
  if (error.code === 'vnet.bind-unavailable') return `${bind} cannot assign requested address: ${why}`;
  const by = holder ?? 'a program of the host that is not yours (`sudo ss -lntup` names it)';
  return `${bind} port is already allocated (${side.protocol}, address already in use by ${by})`;
}
