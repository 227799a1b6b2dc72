import type { ReportProgress } from '@orlop/core';
import {
  type AnyComponent,
  buildComponent,
  componentReference,
  componentTag,
  findComponent,
  isByDockerfile,
  loadComponent,
} from '@orlop/debian';
import { type Descriptor, expandReference, type ImageStore, type Platform } from '@orlop/oci';

import { kitError } from '../errors.ts';

export interface ComponentsOptions {
  readonly store: ImageStore;
  readonly platform: Platform;
  /** Folders of component folders. */
  readonly folders: readonly string[];
  /** Where apt's state and downloads are kept. */
  readonly stateFolder: string;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/** Images of components, built as their definitions say now. */
export class Components {
  readonly #options: ComponentsOptions;
  /** Those that templates named, by their full reference. */
  readonly #named = new Map<string, AnyComponent>();

  constructor(options: ComponentsOptions) {
    this.#options = options;
  }

  /** The full reference of the component in a folder: what a template `@pkg:FOLDER` stands for. */
  async reference(folder: string): Promise<string> {
    const definition = await loadComponent(folder);
    const reference = expandReference(await componentReference(definition));
    this.#named.set(reference, definition);
    return reference;
  }

  /**
   * The image of the component that defines `repository`, built if the store lacks it; undefined when none does,
   * or when `tag` is neither `latest` nor that of its present content. What Docker builds is taken as it stands in
   * the store: building an image does not start Docker.
   */
  async image(repository: string, tag: string): Promise<Descriptor | undefined> {
    const { folders, store, platform, stateFolder, progress, signal } = this.#options;
    const definition = this.#named.get(`${repository}:${tag}`) ?? (await findComponent(folders, repository));
    if (definition === undefined) return undefined;
    if (tag !== 'latest' && tag !== (await componentTag(definition))) return undefined;
    if (isByDockerfile(definition)) {
      const stored = await store.find(await componentReference(definition));
      if (stored !== undefined) return stored;
      throw kitError(
        'kit.image-not-found',
        `${repository} is built by Docker from ${definition.folder}, which has not been done`,
        { hint: `orlop pkg build ${definition.folder}` },
      );
    }
    const built = await buildComponent({ definition, platform, store, stateFolder, progress, signal });
    return built.descriptor;
  }
}
