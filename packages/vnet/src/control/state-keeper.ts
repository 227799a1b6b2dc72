import { type Logger, OrlopError } from '@orlop/core';
import { forwardId, forwardText, parseForwards } from '../forward/forward-text.ts';
import type { Scheduler } from '../scheduler.ts';
import type { VirtualNetwork } from '../virtual-network.ts';
import type { Machines } from './machines.ts';
import type { NetworkState, SavedMachine, StateStore } from './state-file.ts';

export interface StateKeeperOptions {
  readonly network: VirtualNetwork;
  readonly machines: Machines;
  readonly store: StateStore;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** A machine that was there before, and does not plug in again within this, is forgotten. @default 120000 */
  readonly machineGraceMs?: number;
}

/** A forward whose port is taken for now is tried again after this. */
const RETRY_MS = 5_000;

/**
 * Writes every change of forwards, zones and machines down at once, and brings them back after a crash. What the
 * configuration says is not state; machines end with an orderly stop, forwards and zones that were added stay.
 */
export class StateKeeper {
  readonly #options: StateKeeperOptions;
  readonly #configuredZones: ReadonlySet<string>;
  /** Forwards that could not be brought back yet. */
  readonly #waiting = new Set<string>();
  readonly #cancels = new Set<() => void>();
  #restoring = true;

  constructor(options: StateKeeperOptions) {
    this.#options = options;
    const { network } = options;
    this.#configuredZones = new Set(network.settings.zones.map(({ name }) => name));
  }

  /** @throws OrlopError `vnet.state-invalid`; what cannot be brought back now is logged and tried again. */
  async restore(): Promise<void> {
    const { network, machines, store } = this.#options;
    const state = store.load();
    for (const zone of state.zones) network.zones.set(zone);
    for (const machine of state.machines) await this.#restoreMachine(machine);
    for (const text of state.forwards) await this.#restoreForward(text);
    this.#restoring = false;
    network.forwards.onChange = () => this.#save();
    network.zones.onChange = () => this.#save();
    machines.onChange = () => this.#save();
    this.#save();
  }

  /** An orderly end: machines say themselves that they are there, the next time. */
  close(): void {
    for (const cancel of this.#cancels) cancel();
    const { network, machines } = this.#options;
    network.forwards.onChange = undefined;
    network.zones.onChange = undefined;
    machines.onChange = undefined;
    this.#save([]);
  }

  #save(machines = this.#options.machines.saved()): void {
    if (this.#restoring) return;
    try {
      this.#options.store.save({ ...this.#state(), machines });
    } catch (error) {
      this.#options.logger.error('the state of the network cannot be written', { error: String(error) });
    }
  }

  #state(): Omit<NetworkState, 'machines'> {
    const { network, machines } = this.#options;
    const ofMachines = machines.forwardIds();
    const added = network.forwards
      .list()
      .filter(({ id }) => !network.configuredForwards.has(id) && !ofMachines.has(id))
      .map(({ spec }) => forwardText(spec));
    return {
      forwards: [...new Set([...added, ...this.#waiting])],
      zones: network.zones.list().filter(({ name }) => !this.#configuredZones.has(name)),
    };
  }

  async #restoreMachine({ forwards, ...machine }: SavedMachine): Promise<void> {
    const { name, mac } = machine;
    const { machines, network, machineGraceMs = 120_000 } = this.#options;
    try {
      await machines.add({ ...machine, forwards: forwards.flatMap(parseForwards) });
    } catch (error) {
      this.#warn(`the machine "${name}" is not brought back`, error);
      return;
    }
    this.#later(machineGraceMs, () => {
      const isThere = [...network.segment.macs()].some((entry) => entry.mac === mac.toLowerCase());
      if (!isThere) machines.remove(name);
    });
  }

  async #restoreForward(text: string): Promise<void> {
    try {
      for (const spec of parseForwards(text)) {
        if (this.#options.network.forwards.find(forwardId(spec)) === undefined) {
          await this.#options.network.forwards.add(spec);
        }
      }
      this.#waiting.delete(text);
    } catch (error) {
      if (!this.#waiting.has(text)) this.#warn(`the forward ${text} is not in force yet`, error);
      this.#waiting.add(text);
      this.#later(RETRY_MS, () => void this.#restoreForward(text));
    }
  }

  #later(delayMs: number, run: () => void): void {
    const cancel = this.#options.scheduler.after(delayMs, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
  }

  #warn(message: string, error: unknown): void {
    if (!(error instanceof OrlopError)) throw error;
    this.#options.logger.warn(message, { reason: error.message });
  }
}
