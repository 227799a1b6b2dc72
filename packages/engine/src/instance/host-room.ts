import { statfs } from 'node:fs/promises';
import type { OrlopError } from '@orlop/core';
import { engineError } from '../errors.ts';
import { OneAtATime } from '../one-at-a-time.ts';
import { diskUsage } from './data-disk.ts';

/** With less a machine that writes would stand still again at once. */
export const ROOM_BYTES = 64 * 2 ** 20;
const LOOK_MS = 3000;
/** Less than this is worth a word at a start, unless the data disk needs even less to be whole. */
const COMFORTABLE_BYTES = 2 * 2 ** 30;

export interface HostRoomOptions {
  /** What the host may still give to the file system of the data disk. */
  readonly freeBytes: () => Promise<number>;
  /** What each look has found. */
  readonly onLook: (freeBytes: number) => void;
  /** Lets the machine go on; asked again at the next look while it has not. */
  readonly onRoom: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Waits for room on the host's disk while a machine stands still for want of it; looks only then. */
export class HostRoom {
  readonly #options: HostRoomOptions;
  readonly #looks = new OneAtATime(() => this.#look());
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HostRoomOptions) {
    this.#options = options;
  }

  /** Harmless when it waits already. */
  wait(): void {
    this.#timer ??= setInterval(() => void this.look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** One look; never rejects. */
  look(): Promise<void> {
    return this.#looks.run();
  }

  async #look(): Promise<void> {
    const { freeBytes, onLook, onRoom, onError } = this.#options;
    try {
      const free = await freeBytes();
      onLook(free);
      if (free >= ROOM_BYTES) await onRoom();
    } catch (error) {
      onError(error);
    }
  }
}

/** What an unprivileged user may still write to the file system that has this path. */
export async function hostFreeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** @throws OrlopError `engine.host-full` when the machine would find no room for its first writes */
export async function requireRoom(dataDisk: string): Promise<void> {
  const [{ sizeBytes, usedBytes }, free] = await Promise.all([diskUsage(dataDisk), hostFreeBytes(dataDisk)]);
  if (usedBytes >= sizeBytes || free >= ROOM_BYTES) return;
  throw hostFull(`the host's disk is full, ${free} bytes free for ${dataDisk}`);
}

export const ROOM_HINT = `make room for ${ROOM_BYTES / 2 ** 20} MiB or more`;

export function hostFull(message: string, hint = ROOM_HINT): OrlopError {
  return engineError('engine.host-full', message, { hint });
}

/** What to say where the host has little room for what the data disk may still grow by. */
export async function roomShortage(dataDisk: string): Promise<string | undefined> {
  const { sizeBytes, usedBytes } = await diskUsage(dataDisk);
  const growth = Math.max(0, sizeBytes - usedBytes);
  const free = await hostFreeBytes(dataDisk);
  if (free >= Math.min(growth, COMFORTABLE_BYTES)) return undefined;
  return `the host has ${mebibytes(free)} free and the disk may grow by ${mebibytes(growth)}`;
}

const mebibytes = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;
