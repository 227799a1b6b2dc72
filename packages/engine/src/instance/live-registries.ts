import type { Logger } from '@orlop/core';
import type { LayeredSettings } from '../settings/layered-settings.ts';
import { Turns } from '../turns.ts';
import type { GuestAgent } from './guest-agent.ts';
import { registrySettings } from './guest-configuration.ts';

export interface LiveRegistriesOptions {
  readonly agent: Pick<GuestAgent, 'setRegistries'>;
  readonly gatewayAddress: string;
  /** What the machine was started with; absent where another daemon may have changed it since. */
  readonly startedWith: LayeredSettings | undefined;
  readonly logger: Logger;
}

/** Keeps the registries that a running dockerd asks as the settings are. */
export class LiveRegistries {
  readonly #options: LiveRegistriesOptions;
  /** What dockerd has; undefined when nobody knows. */
  #known: string | undefined;
  /** What it did not take, told once: it is tried at each status. */
  #refused: string | undefined;
  readonly #turns = new Turns();

  constructor(options: LiveRegistriesOptions) {
    this.#options = options;
    const { startedWith, gatewayAddress } = options;
    this.#known = startedWith && JSON.stringify(registrySettings(startedWith, gatewayAddress));
  }

  /** Resolves when dockerd has been told; where it could not be, the next call tries again. */
  apply(wanted: LayeredSettings): Promise<void> {
    return this.#turns.run(() => this.#apply(wanted));
  }

  async #apply(wanted: LayeredSettings): Promise<void> {
    const { agent, gatewayAddress, logger } = this.#options;
    const registries = registrySettings(wanted, gatewayAddress);
    const text = JSON.stringify(registries);
    if (text === this.#known) return;
    try {
      await agent.setRegistries(registries);
      this.#known = text;
    } catch (error) {
      if (text === this.#refused) return;
      this.#refused = text;
      logger.warn('dockerd could not be told of other registries', { reason: String(error) });
    }
  }
}
