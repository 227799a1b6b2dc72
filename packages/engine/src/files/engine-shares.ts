import type { Logger } from '@orlop/core';
import type { Machine } from '@orlop/vm';
import { engineError } from '../errors.ts';
import { OneAtATime } from '../one-at-a-time.ts';
import { Turns } from '../turns.ts';
import type { SharesAgent } from './shares-agent.ts';

interface Share {
  readonly tag: string;
  readonly path: string;
}

export interface EngineSharesOptions {
  readonly shares: readonly Share[];
  readonly machine: Pick<
    Machine,
    'lostShares' | 'replacedShares' | 'crowdedShares' | 'plugShare' | 'unplugShare'
  >;
  readonly agent: SharesAgent;
  /** Names of the containers that run, by their full identifiers. */
  readonly containers: () => Promise<ReadonlyMap<string, string>>;
  readonly logger: Logger;
}

/** A share whose path leads to another folder by now, and the containers that have the one of before. */
export interface ReplacedShare {
  readonly path: string;
  readonly containers: readonly string[];
}

const LOOK_MS = 2000;
/** What is crowded by files in use stays so: after so many looks it is asked at one of ten only. */
const LOOKS_TO_FORGET = 3;
const LOOKS_BETWEEN_FORGETTING = 10;
/** An emulated machine on a busy host takes seconds. */
const UNPLUG_MS = 60_000;

/**
 * The shares of a machine that runs: taken away before it is saved, for QEMU cannot save them, and put back after; and served
 * again when a server has ended. Linux never ends what waits for such a server: it is answered in its place.
 */
export class EngineShares {
  readonly #options: EngineSharesOptions;
  readonly #lost = new Set<string>();
  /** Their devices cannot be taken away any more. */
  readonly #abandoned = new Set<string>();
  readonly #replaced = new Map<string, readonly string[]>();
  /** In a row. */
  #crowdedLooks = 0;
  readonly #turns = new Turns();
  readonly #looks = new OneAtATime(() => this.#turns.run(() => this.#look()));
  /** Where they are by this object's own doing; `due` when they are to be mounted, and could not be yet. */
  #place: 'served' | 'away' | 'due' = 'served';
  #isRunning: () => boolean = () => true;
  #onAnew: (path: string) => void = () => {};
  #timer: NodeJS.Timeout | undefined;

  constructor(options: EngineSharesOptions) {
    this.#options = options;
  }

  /** The folders that are not served. */
  get lost(): readonly string[] {
    return this.#place === 'due' ? this.#options.shares.map(({ path }) => path) : [...this.#lost];
  }

  /** Those whose folder was replaced on the host, and that cannot be served anew while containers have the old one. */
  get replaced(): readonly ReplacedShare[] {
    return [...this.#replaced].map(([path, containers]) => ({ path, containers }));
  }

  /**
   * @param isRunning whether the machine's processors run
   * @param onAnew a share's path leads to another folder, which is served now
   */
  start(isRunning: () => boolean, onAnew: (path: string) => void): void {
    if (this.#options.shares.length === 0) return;
    this.#isRunning = isRunning;
    this.#onAnew = onAnew;
    this.#timer = setInterval(() => void this.look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Serves again what has lost its server or was replaced; never rejects. */
  async look(): Promise<void> {
    if (this.#options.shares.length > 0) await this.#looks.run();
  }

  /** Of a machine whose daemon ended in the middle of something. */
  async mend(): Promise<void> {
    const { agent, logger, shares } = this.#options;
    if (shares.length === 0) return;
    await this.look();
    await this.#turns
      .run(() => agent.attachShares([]))
      .catch((error: Error) => logger.warn('shares may not be mounted', { reason: error.message }));
  }

  /**
   * Takes all of them away, so that the machine can be saved.
   * @throws OrlopError `engine.cannot-suspend`; they are there then as before
   */
  async takeAway(): Promise<void> {
    const { agent, machine, shares } = this.#options;
    if (shares.length === 0) return;
    await this.#turns.run(async () => {
      const [lost] = this.lost;
      if (lost !== undefined) throw cannotSuspend(`the file server of the share ${lost} has ended`);
      let users: readonly string[];
      try {
        users = await agent.detachShares();
      } catch (cause) {
        // Some of them may be.
        await this.#putBack();
        throw cannotSuspend('its shares cannot be unmounted', cause);
      }
      if (users.length > 0) {
        const names = await this.#names(users);
        throw cannotSuspend(`shares are in use by ${names.join(', ')}`);
      }
      this.#place = 'away';
      try {
        for (const { path } of shares)
          await machine.unplugShare(path, { signal: AbortSignal.timeout(UNPLUG_MS) });
      } catch (cause) {
        await this.#putBack();
        throw cannotSuspend('its shares cannot be taken away', cause);
      }
    });
  }

  /** Gives the machine what it lacks of them. Its processors need not run yet. @throws OrlopError */
  async plug(): Promise<void> {
    const { machine } = this.#options;
    if (this.#options.shares.length === 0) return;
    await this.#turns.run(async () => {
      for (const path of await machine.lostShares()) await machine.plugShare(path);
    });
  }

  /** Puts back what {@link takeAway} took, in this process or another; what fails is tried again by the next looks. */
  async bringBack(): Promise<void> {
    if (this.#options.shares.length > 0) await this.#turns.run(() => this.#putBack());
  }

  async #putBack(): Promise<void> {
    const { agent, machine, shares, logger } = this.#options;
    this.#place = 'due';
    try {
      for (const path of await machine.lostShares()) await machine.plugShare(path);
      await agent.attachShares(shares.map(({ tag }) => tag));
      this.#place = 'served';
    } catch (error) {
      logger.error('shares are not back yet', { reason: String(error) });
    }
  }

  async #look(): Promise<void> {
    const { logger, machine, shares } = this.#options;
    if (this.#place === 'away' || (this.#place === 'due' && !this.#isRunning())) return;
    if (this.#place === 'due') return this.#putBack();
    try {
      const found = await machine.lostShares();
      for (const path of found) {
        if (this.#lost.has(path)) continue;
        this.#lost.add(path);
        logger.error('the file server of a share has ended', { share: path });
      }
      for (const path of this.#lost) if (!found.includes(path)) this.#lost.delete(path);
      if (!this.#isRunning()) return;
      const wanted = shares.filter(({ path }) => this.#lost.has(path) && !this.#abandoned.has(path));
      const plugged: Share[] = [];
      for (const share of wanted) if (await this.#plugAgain(share)) plugged.push(share);
      if (plugged.length > 0) await this.#mountAgain(plugged);
      await this.#followReplaced();
      await this.#makeRoom();
    } catch (error) {
      // The machine is about to end, which others notice.
      logger.debug('shares are not served', { reason: String(error) });
    }
  }

  /** Each file of a share that the machine has seen is open on the host, until the machine forgets it. */
  async #makeRoom(): Promise<void> {
    const { agent, logger, machine } = this.#options;
    const crowded = await machine.crowdedShares();
    this.#crowdedLooks = crowded.length === 0 ? 0 : this.#crowdedLooks + 1;
    if (crowded.length === 0) return;
    if (this.#crowdedLooks > LOOKS_TO_FORGET && this.#crowdedLooks % LOOKS_BETWEEN_FORGETTING > 0) return;
    logger.debug('the machine forgets files of shares', { shares: crowded.join(', ') });
    await agent.forgetFiles();
  }

  /** As on a host of its own: what containers have of a folder stays, and what is mounted next is the folder that is there now. */
  async #followReplaced(): Promise<void> {
    const { agent, logger, machine, shares } = this.#options;
    const found = await machine.replacedShares();
    for (const path of this.#replaced.keys()) if (!found.includes(path)) this.#replaced.delete(path);
    for (const share of shares) {
      const { path, tag } = share;
      if (!found.includes(path) || this.#lost.has(path) || this.#abandoned.has(path)) continue;
      const users = await this.#names(await agent.releaseShare(tag));
      if (users.length > 0) {
        if (!this.#replaced.has(path)) {
          logger.warn('the folder of a share was replaced; containers have the old one', {
            ...{ share: path, hint: `docker stop ${users.join(' ')}` },
          });
        }
        this.#replaced.set(path, users);
        continue;
      }
      this.#replaced.delete(path);
      await this.#serveAnew(share);
    }
  }

  async #serveAnew({ path, tag }: Share): Promise<void> {
    const { agent, logger, machine } = this.#options;
    try {
      await machine.unplugShare(path, { signal: AbortSignal.timeout(UNPLUG_MS) });
    } catch (error) {
      this.#abandoned.add(path);
      logger.error('the folder of a share was replaced, and the one of before is served still', {
        ...{ share: path, reason: String(error), hint: 'orlop restart' },
      });
      await agent.attachShares([]);
      return;
    }
    // Should it go away in this moment, it is lost, and looked for again.
    await machine.plugShare(path);
    await agent.attachShares([tag]);
    logger.info('the folder of a share was replaced, and is served anew', { share: path });
    this.#onAnew(path);
  }

  /** @returns whether it has a new device and server */
  async #plugAgain({ path, tag }: Share): Promise<boolean> {
    const { agent, logger, machine } = this.#options;
    try {
      await agent.answerLostShare(tag);
      await machine.unplugShare(path, { signal: AbortSignal.timeout(UNPLUG_MS) });
    } catch (error) {
      this.#abandoned.add(path);
      logger.error('a share without a server cannot be served again', {
        ...{ share: path, reason: String(error), hint: 'orlop restart' },
      });
      await agent.abortShare(path).catch((failure: Error) =>
        logger.warn('what waits for a lost share goes on waiting', {
          share: path,
          reason: failure.message,
        }),
      );
      return false;
    }
    try {
      await machine.plugShare(path);
      return true;
    } catch (error) {
      // Its folder is not there, perhaps; it may be at the next look.
      logger.debug('a share is not served', { share: path, reason: String(error) });
      return false;
    }
  }

  /** All at once: one may lie within another. */
  async #mountAgain(plugged: readonly Share[]): Promise<void> {
    const { agent, logger } = this.#options;
    const bereft = await this.#names(await agent.attachShares(plugged.map(({ tag }) => tag)));
    for (const { path } of plugged) this.#lost.delete(path);
    logger.info('a share is served again', {
      share: plugged.map(({ path }) => path).join(', '),
      ...(bereft.length > 0 && {
        hint: `containers that had it need a restart: docker restart ${bereft.join(' ')}`,
      }),
    });
  }

  async #names(ids: readonly string[]): Promise<readonly string[]> {
    const known = await this.#options.containers().catch(() => new Map<string, string>());
    return ids.map((id) => known.get(id) ?? id.slice(0, 12));
  }
}

function cannotSuspend(why: string, cause?: unknown): Error {
  return engineError('engine.cannot-suspend', `the engine cannot be suspended: ${why}`, {
    hint: 'stop those containers, or let the processors rest alone: orlop sleep',
    ...(cause !== undefined && { cause }),
  });
}
