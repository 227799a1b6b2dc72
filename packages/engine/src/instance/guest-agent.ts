import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ShareEventsWay } from '@orlop/api';
import type { Clock } from '@orlop/core';
import { readText } from '../docker/docker-channel.ts';
import { engineError } from '../errors.ts';
import { pathBytes } from '../files/byte-paths.ts';
import type { RaisedEvent } from '../files/raised-events.ts';
import type { EventsAgent } from '../files/share-events.ts';
import type { SharesAgent } from '../files/shares-agent.ts';

export interface GuestAgentOptions {
  /** Opens a byte stream to the agent's port. */
  readonly dial: (signal: AbortSignal) => Promise<Duplex>;
  readonly token: string;
  readonly clock: Clock;
}

/** What a machine remembers of files beyond what its programs have mapped, and could give up. */
export interface GuestReclaim {
  readonly rememberedBytes: number;
  /** What it had given up and read again, since its start. */
  readonly refaultedBytes: number;
}

/** How much of the machine is in use. */
export interface GuestUsage {
  readonly memoryBytes: number;
  /** What the machine could give to a program that asked for it. */
  readonly memoryAvailableBytes: number;
  /** @see GuestReclaim */
  readonly rememberedBytes: number;
  /** The file system with images, containers and volumes. */
  readonly dataBytes: number;
  readonly dataFreeBytes: number;
  /** How many files may still be made in it. */
  readonly dataFreeFiles: number;
}

interface Question {
  readonly number?: number;
  readonly body?: Uint8Array;
  /** @default 5000 */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 5000;
/** Hundreds of files, each by a program of its own, under emulation. */
const RAISE_TIMEOUT_MS = 60_000;
/** Compacting gigabytes under emulation takes seconds. */
const RECLAIM_TIMEOUT_MS = 60_000;
/** Of every machine that Orlop composes. */
const PAGE_BYTES = 4096;
/** A program to start, under emulation. */
const RELOAD_TIMEOUT_MS = 20_000;
/** Trimming 64 GiB of free blocks under emulation takes seconds, writing back a full cache may take minutes. */
const LONG_TIMEOUT_MS = 300_000;
/** A device that is plugged in takes seconds under emulation until it can be mounted. */
const SHARES_TIMEOUT_MS = 60_000;
/** The machine thaws of itself after this, should nobody tell it to. */
const FREEZE_SECONDS = 10;

/**
 * What only the machine itself can do for its disk, memory and clock; its side is pkg/docker/engine-agent. Everything
 * throws OrlopError `engine.agent-failed` with the machine's own words, also where there is no agent.
 */
export class GuestAgent implements EventsAgent, SharesAgent {
  readonly #options: GuestAgentOptions;

  constructor(options: GuestAgentOptions) {
    this.#options = options;
  }

  /** Gives the host every block that no file has. @returns how many bytes the file system named */
  async trim(): Promise<number> {
    const words = await this.#ask('trim', { timeoutMs: LONG_TIMEOUT_MS });
    return Number(/(\d+)(?: bytes)? (?:were )?trimmed/.exec(words)?.[1] ?? 0);
  }

  /** Has dockerd ask these registries from now on, without a restart. @param settings keys of its daemon.json */
  async setRegistries(settings: Readonly<Record<string, readonly unknown[]>>): Promise<void> {
    const body = Buffer.from(JSON.stringify(settings));
    await this.#ask('registries', { body, timeoutMs: RELOAD_TIMEOUT_MS });
  }

  /**
   * Writes back and forgets what is on the disk as well, before the machine's state is saved; or, with `compact`, so that the host
   * can have the memory back.
   */
  async settle({ compact = false } = {}): Promise<void> {
    await this.#ask('settle', { number: compact ? 1 : 0, timeoutMs: LONG_TIMEOUT_MS });
  }

  /**
   * Gives up so much of what is remembered of files, what was not used for longest first, and makes of it blocks that the host
   * can have back; 0 only asks.
   */
  async reclaim(bytes: number): Promise<GuestReclaim> {
    const words = await this.#ask('reclaim', { number: bytes, timeoutMs: RECLAIM_TIMEOUT_MS });
    const [rememberedKib = 0, refaultedPages = 0] = words.split(' ').map(Number);
    return { rememberedBytes: rememberedKib * 1024, refaultedBytes: refaultedPages * PAGE_BYTES };
  }

  /** Does something while the data disk is whole and nobody writes to it: at most {@link FREEZE_SECONDS}. */
  async whileFrozen<T>(work: () => Promise<T>): Promise<T> {
    await this.#ask('freeze', { number: FREEZE_SECONDS, timeoutMs: LONG_TIMEOUT_MS });
    try {
      return await work();
    } finally {
      await this.#ask('thaw');
    }
  }

  async usage(): Promise<GuestUsage> {
    const numbers = (await this.#ask('usage')).split(' ').map(Number);
    const [memoryKib = 0, availableKib = 0, blockBytes = 0, blocks = 0, freeBlocks = 0] = numbers;
    return {
      memoryBytes: memoryKib * 1024,
      memoryAvailableBytes: availableKib * 1024,
      dataBytes: blockBytes * blocks,
      dataFreeBytes: blockBytes * freeBlocks,
      dataFreeFiles: numbers[6] ?? 0,
      rememberedBytes: (numbers[7] ?? 0) * 1024,
    };
  }

  /** Sets the machine's clock to the host's, to a tenth of a second or so; NTP does the rest. */
  async setClock(): Promise<void> {
    const { clock } = this.#options;
    // The machine takes whole seconds: asked just before one begins.
    const leadMs = 60;
    await sleep((2000 - leadMs - (clock.wallMs() % 1000)) % 1000);
    await this.#ask('clock', { number: Math.round((clock.wallMs() + leadMs) / 1000) });
  }

  /**
   * Raises inotify events in the machine for files that the host has changed, where a container watches them.
   * @returns how many files and folders are watched in the machine at all
   */
  async raise(events: readonly RaisedEvent[]): Promise<number> {
    const body = events
      .map(
        ({ kind, inode, folderInode, path }) =>
          `${kind}/${inode.toString(16)}/${folderInode.toString(16)}/${path}\n`,
      )
      .join('');
    return Number(await this.#ask('raise', { body: pathBytes(body), timeoutMs: RAISE_TIMEOUT_MS }));
  }

  /** How watchers in the machine can be told of what the host does in shared folders. */
  async eventsWay(): Promise<ShareEventsWay> {
    const words = await this.#ask('events');
    if (words === 'kernel') return { kind: 'kernel' };
    const reason = words.replace(/^raise\s*/, '').replaceAll(/\s+/g, ' ');
    return { kind: 'raise', reason: reason === '' ? "its kernel lacks Orlop's module" : reason };
  }

  /**
   * Gives the machine's kernel a batch of events (pkg/kernel-engine/orlop_notify.c).
   * @returns how many files and folders of shares are watched
   */
  async notify(batch: Uint8Array): Promise<number> {
    return Number(await this.#ask('notify', { body: batch, timeoutMs: RAISE_TIMEOUT_MS }));
  }

  async attachShares(tags: readonly string[]): Promise<readonly string[]> {
    return lines(
      await this.#ask('attach', { body: Buffer.from(tags.join(' ')), timeoutMs: SHARES_TIMEOUT_MS }),
    );
  }

  async detachShares(): Promise<readonly string[]> {
    return lines(await this.#ask('detach', { timeoutMs: SHARES_TIMEOUT_MS }));
  }

  async releaseShare(tag: string): Promise<readonly string[]> {
    return lines(await this.#ask('release', { body: Buffer.from(tag), timeoutMs: SHARES_TIMEOUT_MS }));
  }

  async forgetFiles(): Promise<void> {
    await this.#ask('forget', { timeoutMs: LONG_TIMEOUT_MS });
  }

  async answerLostShare(tag: string): Promise<void> {
    await this.#ask('lost', { body: Buffer.from(tag), timeoutMs: SHARES_TIMEOUT_MS });
  }

  async abortShare(path: string): Promise<void> {
    await this.#ask('abort', { body: Buffer.from(path), timeoutMs: SHARES_TIMEOUT_MS });
  }

  async #ask(what: string, { number, body, timeoutMs = TIMEOUT_MS }: Question = {}): Promise<string> {
    const { dial, token } = this.#options;
    const signal = AbortSignal.timeout(timeoutMs);
    let stream: Duplex | undefined;
    try {
      const connection = await dial(signal);
      stream = connection;
      const path = `/cgi-bin/agent?${token}/${what}/${number ?? ''}`;
      const answer = await send(connection, { path, signal, ...(body !== undefined && { body }) });
      const words = (await readText(answer)).trim();
      if (answer.statusCode === 200) return words;
      throw engineError('engine.agent-failed', `the machine could not ${what}: ${words}`);
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'engine.agent-failed') throw cause;
      throw engineError('engine.agent-failed', `the machine did not answer to "${what}"`, { cause });
    } finally {
      stream?.destroy();
    }
  }
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}

function send(
  connection: Duplex,
  { path, signal, body }: { readonly path: string; readonly signal: AbortSignal; readonly body?: Uint8Array },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      path,
      host: 'engine',
      ...(body !== undefined && { method: 'POST' }),
      headers: {
        connection: 'close',
        ...(body !== undefined && { 'content-length': body.length }),
      },
      createConnection: () => connection,
      signal,
    });
    request.once('response', resolve);
    request.once('error', reject);
    request.end(body);
  });
}
