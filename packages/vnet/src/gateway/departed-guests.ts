import type { IpAddress, KeepaliveOptions, Stack } from '@orlop/netstack';
import type { MacAddress } from '@orlop/wire';
import type { Scheduler } from '../scheduler.ts';

/** A guest that is back by then is asked once, and answers. */
const GRACE_MS = 60_000;
const PROBES = { idleMs: 10_000, intervalMs: 10_000, count: 10 };
/** After it whoever is there has answered. */
const ASKING_MS = PROBES.idleMs + PROBES.intervalMs * (PROBES.count + 2);

/**
 * Asks after the connections of guests whose link has gone: who was switched off says no more, and an idle connection
 * would stay for ever, here and at the other end. One that started anew answers with a reset. Guests whose link stands
 * are never asked: they may be paused for as long as they are.
 */
export class DepartedGuests {
  readonly #stack: Stack;
  readonly #scheduler: Scheduler;
  readonly #cancels = new Set<() => void>();

  constructor(parts: { readonly stack: Stack; readonly scheduler: Scheduler }) {
    this.#stack = parts.stack;
    this.#scheduler = parts.scheduler;
  }

  /** @param macs - of the guests behind the link */
  ask(macs: ReadonlySet<MacAddress>): void {
    const asked = [...this.#stack.tcp.connections()].filter(({ remote }) => {
      const mac = this.#macOf(remote.address);
      return mac !== undefined && macs.has(mac);
    });
    if (asked.length === 0) return;
    // Each round knows its own: a guest that leaves again meanwhile is asked by a later one.
    const probes: KeepaliveOptions = { ...PROBES };
    this.#after(GRACE_MS, () => {
      for (const socket of asked) socket.keepalive = probes;
      this.#after(ASKING_MS, () => {
        for (const socket of asked) if (socket.keepalive === probes) socket.keepalive = undefined;
      });
    });
  }

  close(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  #after(timeMs: number, work: () => void): void {
    const cancel = this.#scheduler.after(timeMs, () => {
      this.#cancels.delete(cancel);
      work();
    });
    this.#cancels.add(cancel);
  }

  /** Of the guest that has the address, or behind which it is. */
  #macOf(address: IpAddress): MacAddress | undefined {
    const { arp, ndp, ip } = this.#stack.host;
    const nextHop = ip.routes.nextHop(address) ?? address;
    return (nextHop.version === 4 ? arp : ndp).neighbours.find(nextHop);
  }
}
