import { realpath } from 'node:fs/promises';
import { dirname, normalize } from 'node:path';
import { shellWord } from '../shell-word.ts';
import type { ReplacedShare } from './engine-shares.ts';

export interface SharedPathsOptions {
  /** The folders that the machine has now, at the same path. */
  readonly shares: () => readonly string[];
  /** The setting `shares` that gave them, for advice. @default the folders */
  readonly setting?: () => readonly string[];
  /** Shares that are not served any more: a mount would fail, or wait. @default none */
  readonly lost?: () => readonly string[];
  /** Those whose folder was replaced on the host while containers have the one of before. @default none */
  readonly replaced?: () => readonly ReplacedShare[];
  /** Brings {@link lost} and {@link replaced} up to date, and mends what can be. @default nothing */
  readonly look?: () => Promise<void>;
  /** Docker's socket on the host; in the machine it is another one. */
  readonly dockerSocket: string;
  /** @default the host's own */
  readonly resolveLinks?: (path: string) => Promise<string>;
}

/** What is mounted from the machine on purpose: its kernel's, its engine's, and Docker's socket. `/` is the machine's root. */
const MACHINE_PATHS = [
  '/cgroup',
  '/dev',
  '/lib/modules',
  '/proc',
  '/run',
  '/sys',
  '/usr/lib/modules',
  '/var/lib/containerd',
  '/var/lib/docker',
  '/var/run',
];

/** Which paths containers may mount: what is shared, and what belongs to the machine. */
export class SharedPaths {
  readonly #options: SharedPathsOptions;

  constructor(options: SharedPathsOptions) {
    this.#options = options;
  }

  /** Whether it is the host's side of the socket that the machine has elsewhere. */
  isDockerSocket(source: string): boolean {
    return withoutDetours(source) === this.#options.dockerSocket;
  }

  /** @returns why a path cannot be mounted, with what to do; undefined when it can */
  async refusal(source: string): Promise<string | undefined> {
    const shares = this.#options.shares();
    const path = withoutDetours(source);
    if (path === this.#options.dockerSocket) return undefined;
    if (shares.some((share) => isWithin(path, share))) await this.#options.look?.();
    const lost = this.#options.lost?.().find((share) => isWithin(path, share));
    if (lost !== undefined)
      return `mounts denied: the file server of the share ${lost} has ended. Another takes its place in a moment; if none does: orlop restart`;
    const replaced = this.#options.replaced?.().find((share) => isWithin(path, share.path));
    if (replaced !== undefined)
      return `mounts denied: the folder of the share ${replaced.path} was replaced on the host, and ${replaced.containers.join(', ')} still have the one of before. Stop them first: docker stop ${replaced.containers.join(' ')}`;
    if (shares.some((share) => isWithin(path, share))) return this.#leavesShare(path, shares);
    if (path === '/' || MACHINE_PATHS.some((own) => isWithin(path, own))) return undefined;
    return `mounts denied: ${path} is not shared with the engine. ${this.#advice(path)}`;
  }

  /** A link out of a share leads to nothing in the machine. */
  async #leavesShare(path: string, shares: readonly string[]): Promise<string | undefined> {
    const real = await this.#resolve(path);
    if (real === undefined || shares.some((share) => isWithin(real, share))) return undefined;
    const reals = await Promise.all(shares.map((share) => this.#resolve(share)));
    if (reals.some((share) => share !== undefined && isWithin(real, share))) return undefined;
    return `mounts denied: ${path} is a link to ${real}, which is not shared with the engine. ${this.#advice(real)}`;
  }

  /** The setting is a list, which is set as a whole. */
  #advice(path: string): string {
    const { shares, setting = shares } = this.#options;
    const list = shellWord([...setting(), path].join(','));
    return `Share it or a folder above it, then restart: orlop config set shares ${list} && orlop restart`;
  }

  /** Where a path leads; of one that does not exist yet, where the folder does that it will be made in. */
  async #resolve(path: string): Promise<string | undefined> {
    const resolveLinks = this.#options.resolveLinks ?? ((one: string) => realpath(one));
    for (let at = path; ; at = dirname(at)) {
      const real = await resolveLinks(at).catch(() => undefined);
      if (real !== undefined) return real;
      if (at === '/') return undefined;
    }
  }
}

function withoutDetours(path: string): string {
  return normalize(path).replace(/(.)\/$/, '$1');
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}
