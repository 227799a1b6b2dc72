import type { Endpoint } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import {
  type ForwardRedirect,
  type ForwardSpec,
  ForwardStats,
  type ForwardStatus,
  type ForwardTarget,
  type RunningForward,
  type ToGuest,
} from './forward.ts';
import { formatForward, forwardId } from './forward-text.ts';

/** Starts the part of a forward that listens, one per protocol; and ends what came by a port of the gateway. */
export interface ForwardStarters {
  tcp(spec: ToGuest): Promise<RunningForward>;
  udp(spec: ToGuest): Promise<RunningForward>;
  /** Drops the connections that these counters are of: the port of the gateway leads to the host no more. */
  endToHost(stats: ForwardStats): void;
}

interface Entry {
  readonly spec: ForwardSpec;
  readonly running: RunningForward;
}

/** The forwards of one network. */
export class ForwardTable {
  /** Called after every change, for whoever keeps them on disk. */
  onChange: (() => void) | undefined = undefined;
  readonly #starters: ForwardStarters;
  readonly #entries = new Map<string, Entry>();
  /** Ports of the gateway that lead to the host. */
  readonly #toHost = new Map<number, ForwardRedirect>();
  readonly #starting = new Set<string>();
  #isClosed = false;

  constructor(starters: ForwardStarters) {
    this.#starters = starters;
  }

  /** @throws OrlopError `vnet.forward-exists`, `vnet.bind-failed`, `vnet.forward-invalid`, `vnet.closed` */
  async add(spec: ForwardSpec): Promise<ForwardStatus> {
    const id = forwardId(spec);
    if (this.#entries.has(id) || this.#starting.has(id)) {
      const other = this.#entries.get(id)?.spec;
      throw vnetError('vnet.forward-exists', `${id} is forwarded already`, {
        ...(other !== undefined && { hint: `remove ${formatForward(other)} first` }),
      });
    }
    this.#starting.add(id);
    try {
      const entry = { spec, running: await this.#start(spec) };
      if (this.#isClosed) {
        entry.running.close();
        throw vnetError('vnet.closed', `the network closed while ${id} was being forwarded`);
      }
      this.#entries.set(id, entry);
      this.onChange?.();
      return statusOf(id, entry);
    } finally {
      this.#starting.delete(id);
    }
  }

  /** @throws OrlopError `vnet.forward-unknown` */
  remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw unknownForward(id);
    entry.running.close();
    this.#entries.delete(id);
    this.onChange?.();
  }

  /** Ends a forward that may have been ended by another way meanwhile. */
  discard(id: string): void {
    if (this.#entries.has(id)) this.remove(id);
  }

  /** Has a forward to a guest lead elsewhere, without letting go of the host's side. @throws OrlopError `vnet.forward-unknown` */
  lead(id: string, to: ForwardTarget): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.spec.kind !== 'to-guest') throw unknownForward(id);
    entry.running.lead(to);
    this.#entries.set(id, { ...entry, spec: { ...entry.spec, ...to } });
    this.onChange?.();
  }

  find(id: string): ForwardStatus | undefined {
    const entry = this.#entries.get(id);
    return entry === undefined ? undefined : statusOf(id, entry);
  }

  list(): readonly ForwardStatus[] {
    return [...this.#entries].map(([id, entry]) => statusOf(id, entry));
  }

  /** Where a connection to this port of the gateway goes. */
  redirectOf(local: Endpoint): ForwardRedirect | undefined {
    return this.#toHost.get(local.port);
  }

  close(): void {
    this.#isClosed = true;
    for (const { running } of this.#entries.values()) running.close();
    this.#entries.clear();
    this.#toHost.clear();
  }

  async #start(spec: ForwardSpec): Promise<RunningForward> {
    if (spec.kind === 'to-host') {
      const stats = new ForwardStats();
      this.#toHost.set(spec.port, { target: spec.target, stats });
      return {
        local: undefined,
        stats,
        lead: () => undefined,
        close: () => {
          this.#toHost.delete(spec.port);
          this.#starters.endToHost(stats);
        },
      };
    }
    return spec.protocol === 'tcp' ? this.#starters.tcp(spec) : this.#starters.udp(spec);
  }
}

function unknownForward(id: string): Error {
  return vnetError('vnet.forward-unknown', `nothing is forwarded from ${id}`, {
    hint: 'orlop net forward ls shows what is',
  });
}

function statusOf(id: string, { spec, running }: Entry): ForwardStatus {
  const { connections, active, failed, bytesToGuest, bytesFromGuest, lastError } = running.stats;
  return {
    id,
    spec,
    local: running.local,
    connections,
    active,
    failed,
    bytesToGuest,
    bytesFromGuest,
    lastError,
  };
}
