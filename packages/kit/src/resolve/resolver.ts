import { OrlopError, type Problem } from '@orlop/core';
import {
  type Descriptor,
  type Digest,
  expandReference,
  formatPlatform,
  formatReference,
  type ImageStore,
  type Platform,
  parseReference,
} from '@orlop/oci';
import { kitError } from '../errors.ts';
import type { Lock, LockedImage } from '../lock/lock-file.ts';
import type { Placed } from '../yaml/shape.ts';
import { type ResolvedImage, storedImage } from './stored-image.ts';
import { type Substitution, substitute } from './substitution.ts';

/** Whether a registry is asked: for images that are nowhere else, always, or never. */
export type PullPolicy = 'missing' | 'always' | 'never';

export interface ResolverOptions {
  readonly store: ImageStore;
  readonly platform: Platform;
  /** @default 'missing' */
  readonly pull?: PullPolicy;
  readonly rules?: readonly Substitution[];
  /**
   * The image of the component that defines a repository, built if the store lacks its present state; undefined
   * when no component does, or the tag is of another state.
   */
  readonly component?: (repository: string, tag: string) => Promise<Descriptor | undefined>;
  /** Brings an image from its registry into the store. */
  readonly pullImage?: (reference: string) => Promise<Descriptor>;
  /** What images must be; one that is not in it is an error. @default whatever is found */
  readonly lock?: Lock;
  readonly signal: AbortSignal;
}

const LOCK_HINT = 'if the change is meant, write the lock anew by `orlop lock`';
const SUBSTITUTION_HINT =
  "Orlop has components in place of LinuxKit's: build with --substitutions examples/substitutions.yml";

/**
 * Finds images: after substitution, what a component defines as it is now; then what the store has; then what
 * the registry has.
 */
export class ImageResolver {
  readonly #options: ResolverOptions;
  readonly #resolved = new Map<string, ResolvedImage>();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** The full name of the image that a reference means. */
  fullReference(written: string): string {
    return expandReference(substitute(written, this.#options.rules ?? []) ?? written);
  }

  /**
   * Finds all images.
   * @throws OrlopError `kit.image-not-found` with a problem for each that cannot be had
   */
  async resolveAll(
    references: readonly Placed<string>[],
    onResolve?: (reference: string, index: number, total: number) => void,
  ): Promise<void> {
    const problems: Problem[] = [];
    const failed = new Map<string, Problem['message']>();
    const unique = [...new Map(references.map((placed) => [placed.value, placed])).values()];
    const causes: OrlopError[] = [];
    for (const [index, { value }] of unique.entries()) {
      this.#options.signal.throwIfAborted();
      onResolve?.(this.fullReference(value), index, unique.length);
      try {
        this.#resolved.set(value, await this.#resolve(this.fullReference(value)));
      } catch (error) {
        if (!(error instanceof OrlopError) || error.kind === 'cancelled') throw error;
        this.#options.signal.throwIfAborted();
        failed.set(value, error.message);
        causes.push(error);
      }
    }
    for (const { value, position, path } of references) {
      const message = failed.get(value);
      if (message === undefined) continue;
      const name = this.fullReference(value);
      const about = message.includes(name) ? message : `${name}: ${message}`;
      problems.push({ position, message: `${path}: ${about}` });
    }
    const [first] = causes;
    if (first === undefined) return;
    const linuxkit = [...failed.keys()].some((reference) => /(?:^|\/)linuxkit\//.test(reference));
    const advice = linuxkit ? SUBSTITUTION_HINT : first.hint;
    const hint = advice === undefined ? {} : { hint: advice };
    const whole = failed.size === 1 ? 'an image cannot be had' : `${failed.size} images cannot be had`;
    problems.push(...causes.flatMap((error) => error.problems));
    if (causes.every(({ code }) => code === 'kit.not-locked' || code === 'kit.lock-differs')) {
      throw kitError('kit.lock-differs', 'the images are not those of the lock', {
        problems,
        hint: LOCK_HINT,
      });
    }
    throw kitError('kit.image-not-found', whole, { problems, cause: first.cause, ...hint });
  }

  /** The image of one of Orlop's own components, which formats need and descriptions do not name. */
  component(name: string): Promise<ResolvedImage> {
    return this.#resolve(expandReference(`orlop/${name}:latest`));
  }

  /** An image that {@link resolveAll} found. */
  get(reference: Placed<string>): ResolvedImage {
    const image = this.#resolved.get(reference.value);
    if (image === undefined) throw new Error(`bug: ${reference.value} was not resolved`);
    return image;
  }

  /** The images are no longer needed: whoever cleans the store may remove them. */
  async close(): Promise<void> {
    await this.#options.store.release();
  }

  #resolve(reference: string): Promise<ResolvedImage> {
    const { lock, platform } = this.#options;
    if (lock === undefined) return this.#resolveFreely(reference);
    const locked = lock.get(reference);
    const digest = locked?.platforms.get(formatPlatform(platform));
    if (locked !== undefined && digest !== undefined)
      return this.#resolveLocked(reference, { ...locked, digest });
    const what = locked === undefined ? reference : `${reference} for ${formatPlatform(platform)}`;
    throw kitError('kit.not-locked', `the lock does not have ${what}`, {
      hint: `${LOCK_HINT}; --format FORMAT pins the boot programs of a format`,
    });
  }

  /**
   * What a component defines now must be what was locked. Other images are taken by their digest, whatever their
   * tag means by now.
   */
  async #resolveLocked(
    reference: string,
    { source, digest }: LockedImage & { readonly digest: Digest },
  ): Promise<ResolvedImage> {
    const { store, pull = 'missing', component, pullImage } = this.#options;
    const { domain, repository, tag, digest: own } = parseReference(reference);
    const differs = (what: string, cause?: unknown) =>
      kitError('kit.lock-differs', `${reference} is locked as ${digest}, and ${what}`, {
        hint: LOCK_HINT,
        ...(cause === undefined ? {} : { cause }),
      });
    if (own === undefined && component !== undefined) {
      const built = await component(formatReference({ domain, repository }), tag ?? 'latest');
      if (built !== undefined) {
        const image = await this.#open(reference, built);
        if (image.digest === digest) return image;
        throw differs(`the component is ${image.digest} now`);
      }
    }
    for (const name of [reference, { domain, repository, digest: source }, { domain, repository, digest }]) {
      const found = await store.find(name);
      if (found === undefined) continue;
      const image = await this.#openIfWhole(reference, found);
      if (image?.digest === digest) return image;
    }
    if (pull === 'never' || pullImage === undefined) throw differs('the store does not have that');
    const pinned = formatReference({ domain, repository, digest: source });
    let pulled: Descriptor;
    try {
      pulled = await pullImage(pinned);
    } catch (cause) {
      this.#options.signal.throwIfAborted();
      throw differs('neither store nor registry has that', cause);
    }
    const image = await this.#open(reference, pulled);
    if (image.digest === digest) return image;
    throw differs(`${pinned} has ${image.digest}`);
  }

  async #resolveFreely(reference: string): Promise<ResolvedImage> {
    const { store, pull = 'missing', component, pullImage } = this.#options;
    const { domain, repository, tag, digest } = parseReference(reference);
    if (digest === undefined && component !== undefined) {
      const built = await component(formatReference({ domain, repository }), tag ?? 'latest');
      if (built !== undefined) return this.#open(reference, built);
    }
    const local = pull === 'always' ? undefined : await store.find(reference);
    if (local !== undefined) {
      try {
        return await this.#open(reference, local);
      } catch (error) {
        if (!isIncomplete(error) || pull === 'never' || pullImage === undefined) throw error;
      }
    }
    if (pull === 'never' || pullImage === undefined) {
      throw kitError('kit.image-not-found', `the image ${reference} is not in the store`, {
        hint: 'orlop pkg build makes component images, orlop cache pull and import bring others',
      });
    }
    return this.#open(reference, await pullImage(reference));
  }

  async #openIfWhole(reference: string, descriptor: Descriptor): Promise<ResolvedImage | undefined> {
    try {
      return await this.#open(reference, descriptor);
    } catch (error) {
      if (isIncomplete(error)) return undefined;
      throw error;
    }
  }

  #open(reference: string, descriptor: Descriptor): Promise<ResolvedImage> {
    const { store, platform, signal } = this.#options;
    return storedImage({ store, reference, descriptor, platform, signal });
  }
}

/** Whether the store has the image, but not its platform or all of its content. */
function isIncomplete(error: unknown): boolean {
  return (
    error instanceof OrlopError &&
    (error.code === 'oci.platform-not-found' || error.code === 'oci.blob-not-found')
  );
}
