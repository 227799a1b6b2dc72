import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineEvent } from '@orlop/api';
import { type HostSide, overlaps } from '../docker/asked-ports.ts';
import { engineError } from '../errors.ts';
import { EngineInstance } from '../instance/engine-instance.ts';
import type { EngineSurroundings } from '../instance/engine-surroundings.ts';
import { instancePaths, isEngineName } from '../instance/instance-paths.ts';

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
    const instance = new EngineInstance({
      ...{ name, around: this.#around, emit: this.#emit },
      publisherOf: (side) => this.#publisherOf(side, name),
    });
    this.#instances.set(name, instance);
    return instance;
  }

  /**
   * The engine of this name, started at some time, or set up to be. The default one is always there.
   *
   * @throws OrlopError `engine.unknown`, `engine.bad-name`
   */
  existing(name: string): EngineInstance {
    if (name === 'default' || this.#instances.has(name)) return this.get(name);
    if (existsSync(instancePaths(this.#around.home, name).folder)) return this.get(name);
    const names = this.list().map((instance) => instance.name);
    throw engineError('engine.unknown', `there is no engine "${name}"`, {
      hint: `orlop up ${name} makes one${names.length === 0 ? '' : `; there are: ${names.join(', ')}`}`,
    });
  }

  list(): EngineInstance[] {
    return [...this.#instances.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get active(): boolean {
    return this.list().some((instance) => instance.life.active);
  }

  /** Finds the engines on disk, and joins those that run although their daemon has ended. */
  async recover(): Promise<void> {
    const folder = join(this.#around.home.home, 'engine');
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const entry of entries) if (entry.isDirectory() && isEngineName(entry.name)) this.get(entry.name);
    for (const instance of this.list()) {
      instance.life.recover().catch((error: Error) => {
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
    for (const instance of this.list()) instance.life.assertSettled();
    await allDone(this.list().map((instance) => instance.life.leave()));
  }

  #publisherOf(side: HostSide, except: string): string | undefined {
    for (const { name, ports } of this.list().map((one) => ({ name: one.name, ports: one.ports() }))) {
      if (name === except) continue;
      const port = ports.find((one) => one.state === 'open' && overlaps(one, side));
      if (port !== undefined) return `container ${port.container} of the engine "${name}"`;
    }
    return undefined;
  }

  /** Each for itself: that one cannot be stopped keeps none of the others. @throws what the first of those throws, when all are done */
  async stopAll(): Promise<void> {
    await allDone(this.list().map((instance) => instance.life.stop()));
  }
}

async function allDone(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
