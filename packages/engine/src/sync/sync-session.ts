import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SyncStatus } from '@orlop/api';
import { engineError } from '../errors.ts';
import { PauseRecord } from './pause-record.ts';
import { openSyncLink, type SyncLink, type SyncLinkOptions } from './sync-link.ts';
import type { SyncSetting } from './sync-settings.ts';
import { countNodes } from './sync-tree.ts';
import { SafetyStop, type TwoReplicas } from './two-replicas.ts';
import { Waker } from './waker.ts';

export type SyncSessionOptions = Omit<SyncLinkOptions, 'signal' | 'onProgress' | 'onChange'>;

type Phase = SyncStatus['state'];

/** Changes that come together are carried together. */
const GATHER_MS = 20;
/** After a turn in which something was in between. */
const AGAIN_MS = 200;
/** What is agreed on is written down when it has been quiet for so long, or after so many turns. */
const COMMIT_AFTER_MS = 500;
const TURNS_PER_COMMIT = 20;
/** Once after something has happened, everything is looked at: what no event has told of is found then. */
const LOOK_AGAIN_MS = 10_000;
/** What could not be carried, for want of room perhaps, is tried again so often. */
const TRY_AGAIN_MS = 10_000;
/** A side that cannot be followed is looked at so often. */
const POLL_MS = 5000;
const RETRY_MS = 2000;
const LISTED = 100;

/** Keeps one synchronised share in step from {@link start} to {@link stop}. */
export class SyncSession {
  readonly setting: SyncSetting;
  readonly #options: SyncSessionOptions;
  readonly #paused: PauseRecord;
  #phase: Phase = 'connecting';
  #problem: string | undefined;
  #progress: SyncStatus['progress'];
  #replicas: TwoReplicas | undefined;
  #carried = 0;
  #lastSyncAt: string | undefined;
  #ended = new AbortController();
  #running: Promise<void> = Promise.resolve();
  readonly #waker = new Waker();
  #acceptEmpty = false;
  #flushes: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  constructor(options: SyncSessionOptions) {
    this.#options = options;
    this.setting = options.setting;
    this.#paused = new PauseRecord(join(options.folder, 'paused'));
  }

  start(): void {
    this.#running = this.#run(this.#ended.signal);
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    this.#waker.wake();
    await this.#running;
  }

  async pause(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 });
    await this.#paused.set(true);
    this.#waker.wake();
  }

  /** Goes on after a pause or a halt. `acceptEmpty`: a side that is empty was emptied on purpose. */
  async resume({ acceptEmpty = false }: { readonly acceptEmpty?: boolean } = {}): Promise<void> {
    await this.#paused.set(false);
    this.#acceptEmpty = acceptEmpty;
    if (this.#phase === 'halted' || this.#phase === 'paused') this.#enter('connecting');
    this.#waker.wake();
  }

  /** Whether it is kept in step now, as far as anybody knows. */
  get isInStep(): boolean {
    return this.#phase === 'scanning' || this.#phase === 'carrying' || this.#phase === 'watching';
  }

  /** Looks at everything on both sides; resolves when they are the same and it is written down. @throws OrlopError `engine.sync-failed` */
  flush(signal: AbortSignal): Promise<void> {
    if (this.#phase === 'halted' || this.#phase === 'paused') {
      const why = this.#problem === undefined ? '' : `: ${this.#problem}`;
      throw engineError('engine.sync-failed', `${this.setting.path} is ${this.#phase}${why}`, {
        hint: `orlop sync resume ${this.setting.path}`,
      });
    }
    return new Promise((resolve, reject) => {
      const flush = { resolve, reject };
      this.#flushes.push(flush);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      this.#waker.wake();
    });
  }

  status(): SyncStatus {
    const { id, path, mode } = this.setting;
    const replicas = this.#replicas;
    return {
      ...{ id, path, mode, state: this.#phase },
      ...(this.#problem !== undefined && { problem: this.#problem }),
      ...(this.#progress !== undefined && { progress: this.#progress }),
      hostEntries: replicas === undefined ? 0 : countNodes(replicas.host.tree),
      machineEntries: replicas === undefined ? 0 : countNodes(replicas.machine.tree),
      carried: this.#carried + (replicas?.carried ?? 0),
      conflicts: replicas?.conflicts() ?? [],
      problems: [...(replicas?.problems ?? [])]
        .slice(0, LISTED)
        .map(([at, reason]) => ({ path: at, reason })),
      skipped: [...(replicas?.host.skipped ?? []), ...(replicas?.machine.skipped ?? [])].slice(0, LISTED),
      ...(this.#lastSyncAt !== undefined && { lastSyncAt: this.#lastSyncAt }),
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    while (!signal.aborted) {
      if (await this.#paused.get()) {
        this.#enter('paused');
        this.#reject('it was paused');
        await this.#waker.wait(signal);
        continue;
      }
      try {
        this.#enter('connecting');
        await this.#connected(signal);
      } catch (error) {
        if (signal.aborted) break;
        const reason = error instanceof Error ? error.message : String(error);
        if (error instanceof SafetyStop) {
          this.#enter('halted', reason);
          logger.warn('a synchronised share has stopped', { share: this.setting.path, reason });
          this.#reject(reason);
          while (this.#phase === 'halted' && !signal.aborted) await this.#waker.wait(signal);
        } else {
          this.#enter('waiting', reason);
          logger.debug('a synchronised share waits', { share: this.setting.path, reason });
          await this.#waker.wait(signal, RETRY_MS);
        }
      }
    }
    this.#reject('the engine stops');
  }

  /** From the first word with the machine until it cannot be reached any more, or nothing shall be done. */
  async #connected(signal: AbortSignal): Promise<void> {
    const link = await openSyncLink({
      ...this.#options,
      signal,
      onProgress: (done, total) => {
        this.#progress = total === 0 ? undefined : { done, total };
        if (total > 0) this.#enter('carrying');
      },
      onChange: () => this.#waker.wake(),
    });
    this.#replicas = link.replicas;
    try {
      await this.#keepInStep(link, signal);
    } finally {
      this.#carried += link.replicas.carried;
      this.#replicas = undefined;
      await link.close();
    }
  }

  async #keepInStep({ replicas, isFollowed }: SyncLink, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let isLookDue = false;
    let turns = 0;
    let failure: unknown;
    // The host's disk may take seconds for it; changes are carried meanwhile.
    const record = () => {
      replicas.commit().catch((error: unknown) => {
        failure = error;
      });
    };
    for (let first = true; !signal.aborted && !(await this.#paused.get()); first = false) {
      if (failure !== undefined) throw failure;
      const flushes = this.#flushes.splice(0);
      try {
        if (first || flushes.length > 0) replicas.distrust();
        if (first) this.#enter('scanning');
        const acceptEmpty = this.#acceptEmpty;
        this.#acceptEmpty = false;
        await replicas.turn(signal, { acceptEmpty });
        turns++;
        if (flushes.length > 0) await this.#settle(replicas, signal);
      } catch (error) {
        this.#flushes.push(...flushes); // they wait for the next connection
        throw error;
      }
      for (const flush of flushes) {
        if (replicas.problems.size === 0) flush.resolve();
        else flush.reject(this.#notInStep(replicas.problems));
      }
      this.#enter('watching');
      this.#lastSyncAt = new Date(clock.wallMs()).toISOString();
      if (replicas.isDirty) {
        isLookDue = true;
        if (turns > TURNS_PER_COMMIT) {
          turns = 0;
          record();
        }
        await sleep(AGAIN_MS, undefined, { signal });
        continue;
      }
      if (!replicas.isRecorded) {
        isLookDue = true;
        if ((await this.#waker.wait(signal, COMMIT_AFTER_MS)) === 'time' && !replicas.isDirty) {
          turns = 0;
          record();
        }
        continue;
      }
      const tryAgainMs = replicas.problems.size > 0 ? TRY_AGAIN_MS : undefined;
      const limitMs = isLookDue ? LOOK_AGAIN_MS : isFollowed() ? tryAgainMs : POLL_MS;
      if ((await this.#waker.wait(signal, limitMs)) === 'time') {
        if (!isLookDue && isFollowed()) continue; // the turn does it
        isLookDue = false;
        // Where one side is not followed, this is how its changes are found: the other's do not keep it from that.
        if (isFollowed()) replicas.lookAgain();
        else replicas.distrust();
      } else {
        isLookDue = true;
        await sleep(GATHER_MS, undefined, { signal });
      }
    }
  }

  /** Until nothing is on its way and what was agreed on is written down. */
  async #settle(replicas: TwoReplicas, signal: AbortSignal): Promise<void> {
    while (replicas.isDirty) {
      await replicas.turn(signal);
      if (replicas.isDirty) {
        await sleep(AGAIN_MS, undefined, { signal });
      }
    }
    while (!replicas.isRecorded) await replicas.commit();
  }

  #notInStep(problems: ReadonlyMap<string, string>): Error {
    const [first = ['', '']] = problems;
    const others = problems.size > 1 ? `, and ${problems.size - 1} more` : '';
    const what = `${this.setting.path} is not in step: ${first.join(': ')}${others}`;
    return engineError('engine.sync-failed', what, { hint: `orlop sync status ${this.setting.path}` });
  }

  #enter(phase: Phase, problem?: string): void {
    this.#phase = phase;
    this.#problem = problem;
    if (phase !== 'carrying') this.#progress = undefined;
  }

  #reject(reason: string): void {
    for (const { reject } of this.#flushes.splice(0)) {
      reject(engineError('engine.sync-failed', `${this.setting.path} is not in step: ${reason}`));
    }
  }
}
