import type { Endpoint } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import type { HostEndpoint } from '../host/host-sockets.ts';
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

  /**
   * Where port 0 of the host is asked for, the forward is from now on that of the port which the host chose: of the same
   * address there may be several.
   *
   * @throws OrlopError `vnet.forward-exists`, `vnet.bind-failed`, `vnet.forward-invalid`, `vnet.closed`
   */
  async add(spec: ForwardSpec): Promise<ForwardStatus> {
    const asked = forwardId(spec);
    if (isAnyPort(spec)) return this.#begin(spec, asked);
    if (this.#entries.has(asked) || this.#starting.has(asked)) {
      const other = this.#entries.get(asked)?.spec;
      throw vnetError('vnet.forward-exists', `${asked} is forwarded already`, {
        ...(other !== undefined && { hint: `remove ${formatForward(other)} first` }),
      });
    }
    this.#starting.add(asked);
    try {
      return await this.#begin(spec, asked);
    } finally {
      this.#starting.delete(asked);
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

  async #begin(spec: ForwardSpec, asked: string): Promise<ForwardStatus> {
    const running = await this.#start(spec);
    if (this.#isClosed) {
      running.close();
      throw vnetError('vnet.closed', `the network closed while ${asked} was being forwarded`);
    }
    const entry = { spec: boundTo(running.local, spec), running };
    const id = forwardId(entry.spec);
    this.#entries.set(id, entry);
    this.onChange?.();
    return statusOf(id, entry);
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

function isAnyPort(spec: ForwardSpec): boolean {
  return spec.kind === 'to-guest' && spec.listen.kind === 'ip' && spec.listen.port === 0;
}

function boundTo(local: HostEndpoint | undefined, spec: ForwardSpec): ForwardSpec {
  if (spec.kind !== 'to-guest' || spec.listen.kind !== 'ip' || local?.kind !== 'ip') return spec;
  return isAnyPort(spec) ? { ...spec, listen: { ...spec.listen, port: local.port } } : spec;
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
