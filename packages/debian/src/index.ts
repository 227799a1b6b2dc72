export { type ArchiveOptions, type DebianArchive, readDebianArchive } from './apt/machine.ts';
export type { DebianPackage } from './apt/packages.ts';
export { type BuildRequest, type BuiltComponent, buildComponent } from './build-component.ts';
export { componentHash, componentReference, componentTag } from './definition/component-tag.ts';
export {
  type AnyComponent,
  ARCHITECTURES,
  type Architecture,
  type ComponentDefinition,
  isByDockerfile,
  repositoryOf,
} from './definition/definition.ts';
export { type GitTreeOptions, gitTreeHash } from './definition/git-tree.ts';
export {
  findComponent,
  type LoadOptions,
  loadAnyComponent,
  loadComponent,
} from './definition/load-component.ts';
export { parseDefinition } from './definition/parse-definition.ts';
export { buildDockerfile, type DockerfileBuildRequest } from './dockerfile/build-dockerfile.ts';
export { type BuilderRequest, runDockerBuilder } from './dockerfile/docker-builder.ts';
export { debianError } from './errors.ts';
export { hasLoader, unpackedPrograms } from './unpacked-programs.ts';
