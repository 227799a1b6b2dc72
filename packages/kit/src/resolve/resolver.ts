import { OrlopError, type Problem } from '@orlop/core';
import {
  type Descriptor,
  expandReference,
  formatReference,
  type ImageStore,
  type Platform,
  parseReference,
} from '@orlop/oci';
import { kitError } from '../errors.ts';
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
  readonly signal: AbortSignal;
}

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

  async #resolve(reference: string): Promise<ResolvedImage> {
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
        const missing =
          error instanceof OrlopError &&
          (error.code === 'oci.platform-not-found' || error.code === 'oci.blob-not-found');
        if (!missing || pull === 'never' || pullImage === undefined) throw error;
      }
    }
    if (pull === 'never' || pullImage === undefined) {
      throw kitError('kit.image-not-found', `the image ${reference} is not in the store`, {
        hint: 'orlop pkg build makes component images, orlop cache pull and import bring others',
      });
    }
    return this.#open(reference, await pullImage(reference));
  }

  #open(reference: string, descriptor: Descriptor): Promise<ResolvedImage> {
    const { store, platform, signal } = this.#options;
    return storedImage({ store, reference, descriptor, platform, signal });
  }
}
