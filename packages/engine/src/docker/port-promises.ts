import { isIPv4, isIPv6 } from 'node:net';
import { OrlopError } from '@orlop/core';
import type { AskedSide, HostSide } from './asked-ports.ts';
import type { Forwards } from './port-forwards.ts';
import { portRefusal } from './port-refusal.ts';
import { toGuest } from './port-spec.ts';
import { portKey } from './published-ports.ts';

export interface PortPromisesOptions {
  readonly forwards: Forwards;
  /** Who has a port of the host. */
  readonly whoHas: (side: HostSide) => Promise<string | undefined>;
  /** How long a port is kept for a container that is to publish it. @default 15 s */
  readonly limitMs?: number;
}

/** As long as an answer of dockerd waits for its ports. */
const LIMIT_MS = 15_000;
/** Docker chooses one port after the other; more at once are nobody's. */
const MAX_PROMISES = 256;

interface PromisedPort {
  readonly id: string;
  readonly timer: NodeJS.Timeout;
}

/**
 * Ports of the host that are kept for a container between Docker's choice and their publication: the machine asks before
 * Docker has one, so that it takes the next where the host cannot give it.
 *
 * Invariant: each promised side is a forward of the table that leads nowhere, until it is taken or let go of.
 */
export class PortPromises {
  readonly #options: PortPromisesOptions;
  readonly #promised = new Map<string, PromisedPort>();

  constructor(options: PortPromisesOptions) {
    this.#options = options;
  }

  /**
   * Keeps a port for a moment.
   *
   * @param side as Docker has chosen it; all addresses of IPv4 stand for those of IPv6 too
   * @returns undefined when it is kept, or why the host cannot give it
   */
  async ask(side: HostSide): Promise<string | undefined> {
    const kept: string[] = [];
    for (const one of sidesOf(side)) {
      const refusal = await this.#keep(one);
      if (refusal === undefined) {
        kept.push(portKey(one));
        continue;
      }
      for (const key of kept) this.#letGo(key);
      return refusal;
    }
    return undefined;
  }

  /** Hands over a promised side. @returns its forward, undefined when nothing was promised */
  take(side: HostSide): string | undefined {
    return this.#end(portKey(side));
  }

  /** Lets go of all of them. */
  close(): void {
    for (const key of [...this.#promised.keys()]) this.#letGo(key);
  }

  async #keep(side: AskedSide): Promise<string | undefined> {
    const key = portKey(side);
    // Docker chooses a port again when the container that it was for has not started.
    if (this.#promised.has(key)) return undefined;
    try {
      const { id } = await this.#options.forwards.add(toGuest(side));
      const timer = setTimeout(() => this.#letGo(key), this.#options.limitMs ?? LIMIT_MS);
      timer.unref();
      this.#promised.set(key, { id, timer });
      const [oldest] = this.#promised.keys();
      if (oldest !== undefined && this.#promised.size > MAX_PROMISES) this.#letGo(oldest);
      return undefined;
    } catch (error) {
      if (!(error instanceof OrlopError)) throw error;
      if (side.optional && error.code === 'vnet.bind-unavailable') return undefined;
      return portRefusal(side, error, await this.#options.whoHas(side));
    }
  }

  #letGo(key: string): void {
    const id = this.#end(key);
    if (id !== undefined) this.#options.forwards.discard(id);
  }

  /** The promise is over; its forward is still there. */
  #end(key: string): string | undefined {
    const promised = this.#promised.get(key);
    clearTimeout(promised?.timer);
    this.#promised.delete(key);
    return promised?.id;
  }
}

/** What a line of the machine asks for, `tcp 0.0.0.0 32768`; undefined when it is none. */
export function parsePortQuestion(line: string): HostSide | undefined {
  const [protocol, hostAddress = '', digits = '', ...rest] = line.trim().split(' ');
  if ((protocol !== 'tcp' && protocol !== 'udp') || rest.length > 0) return undefined;
  if (!isIPv4(hostAddress) && !isIPv6(hostAddress)) return undefined;
  const hostPort = /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  return hostPort === 0 || hostPort > 65_535 ? undefined : { protocol, hostAddress, hostPort };
}

function sidesOf(side: HostSide): AskedSide[] {
  const named = { ...side, optional: false };
  return side.hostAddress === '0.0.0.0' ? [named, { ...side, hostAddress: '::', optional: true }] : [named];
}
