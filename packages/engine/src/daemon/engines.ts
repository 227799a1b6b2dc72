import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineEvent } from '@orlop/api';
import { EngineInstance } from '../instance/engine-instance.ts';
import type { EngineSurroundings } from '../instance/engine-surroundings.ts';

/** The engines of one home, by name. */
export class Engines {
  readonly #around: EngineSurroundings;
  readonly #emit: (event: EngineEvent) => void;
  readonly #instances = new Map<string, EngineInstance>();

  constructor(around: EngineSurroundings, emit: (event: EngineEvent) => void) {
    this.#around = around;
    this.#emit = emit;
  }

  /** The engine of this name, which need not have been started ever. @throws OrlopError `engine.bad-name` */
  get(name: string): EngineInstance {
    const known = this.#instances.get(name);
    if (known !== undefined) return known;
    const instance = new EngineInstance({ name, around: this.#around, emit: this.#emit });
    this.#instances.set(name, instance);
    return instance;
  }

  list(): EngineInstance[] {
    return [...this.#instances.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get active(): boolean {
    return this.list().some((instance) => instance.active);
  }

  /** Finds the engines on disk, and joins those that run although their daemon has ended. */
  async recover(): Promise<void> {
    const folder = join(this.#around.home.home, 'engine');
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const name of names) if (!name.startsWith('.')) this.get(name);
    for (const instance of this.list()) {
      instance.recover().catch((error: Error) => {
        this.#around.logger.warn('an engine could not be joined', {
          engine: instance.name,
          reason: error.message,
        });
      });
    }
  }

  /**
   * Leaves what runs to the next daemon: machines and containers go on.
   *
   * @throws OrlopError `engine.busy` when one is starting or stopping; nothing has been left then
   */
  async leaveAll(): Promise<void> {
    for (const instance of this.list()) instance.assertSettled();
    await Promise.all(this.list().map((instance) => instance.leave()));
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.list().map((instance) => instance.stop()));
  }
}
