import { OrlopError } from '@orlop/core';
import type { ForwardStatus } from '../forward/forward.ts';
import type { HostEndpoint, HostSockets } from '../host/host-sockets.ts';
import type { Scheduler } from '../scheduler.ts';
import type { VirtualNetwork } from '../virtual-network.ts';

export interface ForwardHealth {
  readonly id: string;
  readonly state: 'reachable' | 'unreachable' | 'unknown';
  readonly guest?: string;
  readonly reason?: string;
  readonly latencyMs?: number;
}

const TIMEOUT_MS = 2000;

export interface ProbeParts {
  readonly network: VirtualNetwork;
  readonly sockets: HostSockets;
  readonly scheduler: Scheduler;
}

/** Asks where the forward leads whether somebody answers; UDP has no way to tell. */
export function probeForward({ id, spec }: ForwardStatus, parts: ProbeParts): Promise<ForwardHealth> {
  if (spec.kind === 'to-host') return probeHost(id, spec.target, parts);
  const { network, scheduler } = parts;
  const address = network.resolveGuest(spec.guest);
  if (typeof address === 'string') return Promise.resolve({ id, state: 'unreachable', reason: address });
  const guest = `${address.version === 4 ? address : `[${address}]`}:${spec.port}`;
  if (spec.protocol === 'udp') {
    return Promise.resolve({ id, state: 'unknown', guest, reason: 'udp does not tell' });
  }
  const startedAt = scheduler.now();
  return new Promise((resolve) => {
    const finish = (health: Omit<ForwardHealth, 'id' | 'guest'>) => {
      cancel();
      resolve({ id, guest, ...health });
    };
    let cancel = () => {};
    try {
      const socket = network.stack.tcp.connect(
        { remote: { address, port: spec.port } },
        {
          onOpen: (opened) => {
            finish({ state: 'reachable', latencyMs: scheduler.now() - startedAt });
            opened.abort();
          },
          onClose: (_socket, reason) => finish({ state: 'unreachable', reason }),
        },
      );
      cancel = scheduler.after(TIMEOUT_MS, () => {
        finish({ state: 'unreachable', reason: 'timeout' });
        socket.abort();
      });
    } catch (error) {
      if (!(error instanceof OrlopError)) throw error;
      finish({ state: 'unreachable', reason: error.message });
    }
  });
}

function probeHost(
  id: string,
  target: HostEndpoint,
  { sockets, scheduler }: ProbeParts,
): Promise<ForwardHealth> {
  const startedAt = scheduler.now();
  return new Promise((resolve) => {
    const finish = (health: Omit<ForwardHealth, 'id'>) => {
      cancel();
      resolve({ id, ...health });
    };
    const stream = sockets.connect(target, {
      onOpen: () => {
        finish({ state: 'reachable', latencyMs: scheduler.now() - startedAt });
        stream.close();
      },
      onReadable: () => {},
      onWritable: () => {},
      onFailed: (reason) => finish({ state: 'unreachable', reason }),
    });
    const cancel = scheduler.after(TIMEOUT_MS, () => {
      finish({ state: 'unreachable', reason: 'timeout' });
      stream.close();
    });
  });
}
