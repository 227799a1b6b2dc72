import type { Duplex } from 'node:stream';
import type { Logger } from '@orlop/core';
import type { ContainersSeen } from './container-watcher.ts';
import { MachinePorts } from './machine-ports.ts';
import { LOOPBACK_ALIAS, machinePorts } from './machine-sockets.ts';
import type { PortForwards } from './port-forwards.ts';
import { portKey } from './published-ports.ts';

export interface PortPublisherOptions {
  readonly forwards: Pick<PortForwards, 'apply' | 'clear'>;
  readonly guestAddress: string;
  /** A connection to {@link MACHINE_PORTS_PORT} of the machine. */
  readonly dial: (signal: AbortSignal) => Promise<Duplex>;
  readonly logger: Logger;
  /** Whether containers on the machine's own network are published. */
  readonly machinePorts: boolean;
}

/** Publishes what containers ask for with `-p`, and what those on the machine's own network listen on. */
export class PortPublisher {
  readonly #options: PortPublisherOptions;
  readonly #machine: MachinePorts;
  #seen: ContainersSeen | undefined;
  #applying: Promise<void> = Promise.resolve();

  constructor(options: PortPublisherOptions) {
    this.#options = options;
    const { dial, logger } = options;
    this.#machine = new MachinePorts({
      ...{ dial, logger },
      onChange: () => {
        this.#apply().catch((error: Error) =>
          logger.warn('ports of the machine could not be published', { reason: error.message }),
        );
      },
    });
  }

  /** Resolves when the forwards are as the containers want them. */
  async see(seen: ContainersSeen): Promise<void> {
    this.#seen = seen;
    this.#machine.follow(this.#options.machinePorts && seen.onMachineNetwork.size > 0);
    await this.#apply();
  }

  stop(): void {
    this.#machine.stop();
    this.#seen = undefined;
    this.#options.forwards.clear();
  }

  /** One after the other, each with what is known then. */
  #apply(): Promise<void> {
    const next = this.#applying.then(async () => {
      const seen = this.#seen;
      if (seen === undefined) return;
      const { forwards, guestAddress } = this.#options;
      const own = machinePorts(this.#machine.sockets, { guestAddress, names: seen.onMachineNetwork });
      // What was asked for with `-p` goes first.
      const taken = new Set(seen.ports.map(portKey));
      const ports = [...seen.ports, ...own.filter((port) => !taken.has(portKey(port)))];
      await forwards.apply(ports, [...seen.subnets, `${LOOPBACK_ALIAS}/32`]);
    });
    this.#applying = next.catch(() => undefined);
    return next;
  }
}
