import { type ComponentNames, repositoryOf } from './definition/definition.ts';

/** The labels of a component's image, whoever builds it. OCI image-spec, annotations.md ("Pre-Defined Annotation Keys"). */
export function componentLabels(definition: ComponentNames, hash: string): Readonly<Record<string, string>> {
  const { config, source } = definition;
  return {
    'org.opencontainers.image.title': repositoryOf(definition),
    // Without a repository of its own, the component's name stands for where it comes from.
    'org.opencontainers.image.source': source ?? `urn:orlop:component:${repositoryOf(definition)}`,
    'org.opencontainers.image.revision': hash,
    ...(config === undefined ? {} : { 'org.mobyproject.config': JSON.stringify(config) }),
  };
}
