import { type ComponentNames, repositoryOf } from './definition/definition.ts';

/** Has the component's repository, `orlop/redis`. */
export const TITLE_LABEL = 'org.opencontainers.image.title';
/** Has the hash of the component's content. */
export const REVISION_LABEL = 'org.opencontainers.image.revision';

/** The labels of a component's image, whoever builds it. OCI image-spec, annotations.md ("Pre-Defined Annotation Keys"). */
export function componentLabels(
  definition: Pick<ComponentNames, 'image' | 'organisation' | 'config' | 'source'>,
  hash: string,
): Readonly<Record<string, string>> {
  const { config, source } = definition;
  return {
    [TITLE_LABEL]: repositoryOf(definition),
    // Without a repository of its own, the component's name stands for where it comes from.
    'org.opencontainers.image.source': source ?? `urn:orlop:component:${repositoryOf(definition)}`,
    [REVISION_LABEL]: hash,
    ...(config === undefined ? {} : { 'org.mobyproject.config': JSON.stringify(config) }),
  };
}
