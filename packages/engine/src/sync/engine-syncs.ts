import { mkdir, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { SyncStatus } from '@orlop/api';
import { engineError } from '../errors.ts';
import type { EngineSurroundings } from '../instance/engine-surroundings.ts';
import { parseShares } from '../instance/guest-configuration.ts';
import type { InstancePaths } from '../instance/instance-paths.ts';
import type { LiveEngine } from '../instance/live-engine.ts';
import type { LayeredSettings } from '../settings/layered-settings.ts';
import { changeSetting, loadSettings } from '../settings/load-settings.ts';
import { Turns } from '../turns.ts';
import { SYNC_PORT } from './guest-channel.ts';
import { SyncSession } from './sync-session.ts';
import { parseSync, parseSyncs, type SyncSetting } from './sync-settings.ts';

export interface EngineSyncsOptions {
  readonly paths: InstancePaths;
  readonly around: Pick<EngineSurroundings, 'clock' | 'logger'>;
}

interface Attached {
  readonly live: LiveEngine;
  readonly isRunning: () => boolean;
}

/** What a share that is removed still wants to bring to the host. */
const LAST_FLUSH_MS = 60_000;
const LEAVE_MS = { detach: 30_000, remove: 300_000 };

/** The synchronised shares of one engine, whether it runs or not; they follow the setting `syncs` at once. */
export class EngineSyncs {
  readonly #options: EngineSyncsOptions;
  readonly #sessions = new Map<string, SyncSession>();
  #settings: readonly SyncSetting[] = [];
  #attached: Attached | undefined;
  /** Of changes of the sessions. */
  readonly #turns = new Turns();
  /** Of changes of the setting: each is of what it was before. */
  readonly #changes = new Turns();

  constructor(options: EngineSyncsOptions) {
    this.#options = options;
  }

  /** The folders of which the machine has a copy. */
  get folders(): readonly string[] {
    return this.#settings.map(({ path }) => path);
  }

  /** The engine runs now. */
  async attach(live: LiveEngine, isRunning: () => boolean): Promise<void> {
    this.#attached = { live, isRunning };
    await this.reload().catch((error: Error) =>
      this.#options.around.logger.warn('synchronised shares are not kept in step', { reason: error.message }),
    );
  }

  /** Brings to the host what only the machine has, before it is powered off; what is not done in time is done when it runs again. */
  async settle(limitMs: number): Promise<void> {
    const { logger } = this.#options.around;
    const signal = AbortSignal.timeout(limitMs);
    const flushed = [...this.#sessions.values()].map((session) =>
      session.isInStep ? session.flush(signal) : Promise.resolve(),
    );
    for (const [index, { status }] of (await Promise.allSettled(flushed)).entries()) {
      if (status === 'fulfilled') continue;
      const share = [...this.#sessions.values()][index]?.setting.path ?? '';
      logger.warn('a synchronised share was not in step when the machine ended', { share });
    }
  }

  async detach(): Promise<void> {
    this.#attached = undefined;
    await this.#turns.run(() => this.#follow());
  }

  /** Does what the settings say now, which who has just read them gives. @throws OrlopError `engine.bad-setting` */
  async reload(read?: LayeredSettings): Promise<void> {
    await this.#turns.run(async () => {
      const settings = read ?? (await loadSettings(this.#options.paths));
      this.#settings = parseSyncs(settings.object('syncs'));
      await this.#follow();
    });
  }

  async list(): Promise<SyncStatus[]> {
    await this.reload();
    return this.#settings.map((setting) => this.#sessions.get(setting.id)?.status() ?? idle(setting));
  }

  /** @throws OrlopError `engine.cannot-sync`, `engine.sync-exists`, `engine.setting-locked` */
  async create({ path, ...body }: Readonly<Record<string, unknown>>): Promise<SyncStatus> {
    const { paths } = this.#options;
    const checked = parseSync(String(path), body);
    if (typeof checked === 'string') throw cannot(String(path), checked);
    await this.#changes.run(async () => {
      await requireFolder(checked.path);
      const settings = await loadSettings(paths);
      const before = settings.object('syncs');
      if (before[checked.path] !== undefined) {
        throw engineError('engine.sync-exists', `${checked.path} is synchronised already`);
      }
      if (parseShares(settings.texts('shares')).some((share) => share.path === checked.path)) {
        throw cannot(checked.path, 'is shared as it is (setting shares)');
      }
      const syncs = { ...before, [checked.path]: body };
      parseSyncs(syncs);
      await changeSetting(paths, { name: 'syncs', value: syncs, scope: 'instance' });
    });
    await this.reload();
    return this.#statusOf(checked.id);
  }

  async pause(id: string): Promise<SyncStatus> {
    await this.#session(id).pause();
    return this.#statusOf(id);
  }

  async resume(id: string, options: { readonly acceptEmpty: boolean }): Promise<SyncStatus> {
    await this.#session(id).resume(options);
    return this.#statusOf(id);
  }

  async flush(id: string, signal = new AbortController().signal): Promise<SyncStatus> {
    await this.reload();
    await this.#session(id).flush(signal);
    return this.#statusOf(id);
  }

  /** The folder of the host stays as it is. @throws OrlopError `engine.sync-failed` when something is left that only the machine has */
  async remove(id: string, { force }: { readonly force: boolean }): Promise<void> {
    const session = this.#session(id);
    if (!force) await session.flush(AbortSignal.timeout(LAST_FLUSH_MS));
    const { paths } = this.#options;
    const live = this.#attached?.live;
    await this.#changes.run(async () => {
      const { [session.setting.path]: _, ...others } = (await loadSettings(paths)).object('syncs');
      await changeSetting(paths, { name: 'syncs', value: others, scope: 'instance' });
    });
    await this.reload();
    if (live !== undefined) await this.#leave(live, 'remove', session.setting);
    await rm(join(paths.syncs, id), { recursive: true, force: true });
  }

  /** `detach`: the copy stays on the disk, and is nowhere to be seen. */
  async #leave(live: LiveEngine, what: 'detach' | 'remove', setting: SyncSetting): Promise<void> {
    const signal = AbortSignal.timeout(LEAVE_MS[what]);
    const stream = await live.network.dial(SYNC_PORT, signal);
    stream.write(greeting(live, what, setting));
    // A machine that is asleep takes the question, and does not answer.
    const answer = await text(addAbortSignal(signal, stream));
    if (answer.includes('done')) return;
    throw engineError('engine.sync-failed', `the copy of ${setting.path} is still there: ${answer.trim()}`);
  }

  /** Sessions as the settings and the engine's state say. */
  async #follow(): Promise<void> {
    const wanted = this.#attached === undefined ? [] : this.#settings;
    for (const [id, session] of this.#sessions) {
      const setting = wanted.find((one) => one.id === id);
      if (setting !== undefined && JSON.stringify(setting) === JSON.stringify(session.setting)) continue;
      this.#sessions.delete(id);
      await session.stop();
      const live = this.#attached?.live;
      if (setting !== undefined || live === undefined) continue;
      await this.#leave(live, 'detach', session.setting).catch((error: Error) =>
        this.#options.around.logger.warn('a copy is still there', { reason: error.message }),
      );
    }
    const attached = this.#attached;
    if (attached === undefined) return;
    for (const setting of wanted) {
      if (this.#sessions.has(setting.id)) continue;
      const session = await this.#start(setting, attached);
      this.#sessions.set(setting.id, session);
      session.start();
    }
  }

  async #start(setting: SyncSetting, { live, isRunning }: Attached): Promise<SyncSession> {
    const { paths, around } = this.#options;
    const folder = join(paths.syncs, setting.id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new SyncSession({
      ...{ setting, folder },
      clock: around.clock,
      logger: around.logger,
      poller: live.network.opened.poller,
      open: async (what, one, signal) => {
        if (!isRunning()) throw engineError('engine.sync-failed', 'the engine rests');
        const stream = await live.network.dial(SYNC_PORT, signal);
        stream.write(greeting(live, what, one));
        return stream;
      },
    });
  }

  async #statusOf(id: string): Promise<SyncStatus> {
    const setting = this.#settings.find((one) => one.id === id);
    if (setting === undefined) throw unknownSync(id);
    return this.#sessions.get(id)?.status() ?? idle(setting);
  }

  #session(id: string): SyncSession {
    const session = this.#sessions.get(id);
    if (session !== undefined) return session;
    if (!this.#settings.some((one) => one.id === id)) throw unknownSync(id);
    throw engineError('engine.not-running', `the engine "${this.#options.paths.name}" does not run`, {
      hint: 'orlop up',
    });
  }
}

/** The first line of pkg/docker/engine-sync. */
function greeting({ token }: LiveEngine, what: string, { id, path }: SyncSetting): string {
  return `${token}/${what}/${id}${path}\n`;
}

function idle({ id, path, mode }: SyncSetting): SyncStatus {
  return {
    ...{ id, path, mode, state: 'idle', hostEntries: 0, machineEntries: 0, carried: 0 },
    ...{ conflicts: [], problems: [], skipped: [] },
  };
}

async function requireFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) throw cannot(path, 'is no folder');
  const real = await realpath(path);
  if (real !== path) throw cannot(path, `leads by a link to ${real}; synchronise that`);
}

function cannot(path: string, why: string): Error {
  return engineError('engine.cannot-sync', `${path} cannot be synchronised: it ${why}`);
}

function unknownSync(id: string): Error {
  return engineError('engine.unknown-sync', `there is no synchronised share ${id}`, {
    hint: 'orlop sync ls',
  });
}
