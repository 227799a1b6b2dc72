import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReportProgress } from '@orlop/core';
import { type Descriptor, type ImageStore, pushImage, RegistryClient } from '@orlop/oci';
import {
  findProcess,
  identifyProcess,
  type ProcessIdentity,
  replaceFile,
  signalProcess,
  takeProcessLock,
} from '@orlop/vm';
import { engineError } from '../errors.ts';
import type { HostPrograms } from '../programs/host-programs.ts';
import type { RegistryPaths } from './registry-paths.ts';
import { askRegistry, startRegistry } from './registry-process.ts';

export interface RegistryStatus {
  readonly state: 'running' | 'stopped';
  readonly pid?: number;
  readonly socket: string;
  /** `library/redis:latest`; known while it runs. */
  readonly images: readonly string[];
}

export interface RegistryPush {
  readonly store: ImageStore;
  /** The name in the store, and the names on Docker Hub that the image is given: `library/redis:latest`. */
  readonly images: readonly { readonly reference: string; readonly names: readonly string[] }[];
  readonly programs: HostPrograms;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface PushedImage {
  readonly name: string;
  readonly digest: string;
}

const END_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
/** Of a catalogue's page (OCI distribution-spec 1.1, «Content Discovery»). */
const MOST_NAMES = 1000;

/**
 * The registry of a home: Debian's docker-registry over one folder. The process that serves engines reads only, so no
 * container changes what the next one is made of; images are put there by a process of their own on a socket that no
 * engine reaches, which ends with the push.
 */
export class LocalRegistry {
  readonly #paths: RegistryPaths;

  constructor(paths: RegistryPaths) {
    this.#paths = paths;
  }

  /** Starts it in the background; one that runs stays. @throws OrlopError `engine.registry-failed` */
  async up(options: {
    readonly programs: HostPrograms;
    readonly signal: AbortSignal;
  }): Promise<RegistryStatus> {
    const before = await this.status();
    if (before.state === 'running') return before;
    await this.down(); // one that runs and does not answer
    await this.#makeFolder();
    const { socket, identity } = this.#paths;
    const run = { ...options, paths: this.#paths, socket, writable: false, detached: true };
    const child = await startRegistry(run);
    child.unref();
    await replaceFile(identity, JSON.stringify(await identifyProcess(child.pid ?? 0)));
    return this.status();
  }

  async status(): Promise<RegistryStatus> {
    const { socket } = this.#paths;
    const identity = await this.#process();
    const catalogue = (await askRegistry(socket, `/v2/_catalog?n=${MOST_NAMES}`)) as
      | { readonly repositories?: readonly string[] }
      | undefined;
    if (identity === undefined || catalogue === undefined) return { state: 'stopped', socket, images: [] };
    const images: string[] = [];
    for (const repository of catalogue.repositories ?? []) {
      const found = (await askRegistry(socket, `/v2/${repository}/tags/list`)) as
        | { readonly tags?: readonly string[] | null }
        | undefined;
      for (const tag of found?.tags ?? []) images.push(`${repository}:${tag}`);
    }
    return { state: 'running', pid: identity.pid, socket, images };
  }

  /** Ends it; what was pushed stays. @returns whether it ran */
  async down(): Promise<boolean> {
    const identity = await this.#process();
    if (identity === undefined) return false;
    await signalProcess(identity, 'SIGTERM');
    for (let waitedMs = 0; (await findProcess(identity)) === 'present'; waitedMs += POLL_MS) {
      if (waitedMs >= END_TIMEOUT_MS) await signalProcess(identity, 'SIGKILL');
      await sleep(POLL_MS);
    }
    await rm(this.#paths.identity, { force: true });
    await rm(this.#paths.socket, { force: true });
    return true;
  }

  /** Puts images there, whether it runs or not. @throws OrlopError `engine.busy`, and those of a push */
  async push({ store, images, programs, progress, signal }: RegistryPush): Promise<PushedImage[]> {
    await this.#makeFolder();
    const lock = await takeProcessLock(this.#paths.lock);
    if (lock.kind === 'busy') {
      throw engineError('engine.busy', `process ${lock.holder ?? '?'} pushes to the registry already`);
    }
    const socket = join(this.#paths.folder, 'write.sock');
    const client = new RegistryClient({ socketPath: socket });
    try {
      const run = { paths: this.#paths, programs, socket, writable: true, detached: false, signal };
      const child = await startRegistry(run);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      try {
        const pushed: PushedImage[] = [];
        for (const { reference, names } of images) {
          for (const name of names) {
            const remote = `localhost/${name}`;
            const { digest }: Descriptor = await pushImage({
              ...{ store, client, reference, remote, progress, signal },
              override: true,
            });
            pushed.push({ name, digest });
          }
        }
        return pushed;
      } finally {
        child.kill('SIGTERM');
        await ended;
      }
    } finally {
      client.close();
      await rm(socket, { force: true });
      await lock.release();
    }
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#paths.folder, { recursive: true, mode: 0o700 });
  }

  async #process(): Promise<ProcessIdentity | undefined> {
    try {
      const identity = JSON.parse(await readFile(this.#paths.identity, 'utf8')) as ProcessIdentity;
      return (await findProcess(identity)) === 'present' ? identity : undefined;
    } catch {
      return undefined; // none, or one that was not written to its end
    }
  }
}
