import type { Link } from '../link/link.ts';
import type { Scheduler } from '../scheduler.ts';

export interface CablesOptions {
  /** Plugs in at the machine that listens at the path. @throws OrlopError while nobody listens */
  readonly connect: (path: string) => Promise<Link>;
  readonly attach: (link: Link, name: string) => void;
  readonly scheduler: Scheduler;
}

/** A machine registers before it starts, so at first nobody listens. */
const RETRY_MS = 50;
/** A machine that does not listen within this is not coming. */
const PATIENCE_MS = 60_000;

/** Plugs the network in at machines that listen themselves, so that it may end and come back while they run. */
export class Cables {
  readonly #options: CablesOptions;
  /** By machine; a later one of the same machine takes the place of an earlier. */
  readonly #wanted = new Map<string, { readonly path: string; cancel: () => void }>();

  constructor(options: CablesOptions) {
    this.#options = options;
  }

  plug(machine: string, path: string): void {
    this.unplug(machine);
    const cable = { path, cancel: () => {} };
    this.#wanted.set(machine, cable);
    void this.#try(machine, cable, this.#options.scheduler.now() + PATIENCE_MS);
  }

  /** Stops trying; a cable that is in stays until its machine ends. */
  unplug(machine: string): void {
    this.#wanted.get(machine)?.cancel();
    this.#wanted.delete(machine);
  }

  close(): void {
    for (const machine of [...this.#wanted.keys()]) this.unplug(machine);
  }

  async #try(
    machine: string,
    cable: { readonly path: string; cancel: () => void },
    untilMs: number,
  ): Promise<void> {
    const { connect, attach, scheduler } = this.#options;
    const link = await connect(cable.path).catch(() => undefined);
    if (this.#wanted.get(machine) !== cable) {
      link?.close();
      return;
    }
    if (link !== undefined) {
      this.#wanted.delete(machine);
      attach(link, machine);
    } else if (scheduler.now() < untilMs) {
      cable.cancel = scheduler.after(RETRY_MS, () => void this.#try(machine, cable, untilMs));
    } else {
      this.#wanted.delete(machine);
    }
  }
}
