export { type DebianArchive, readDebianArchive } from './apt/machine.ts';
export { buildComponent } from './build-component.ts';
export { componentReference, componentTag } from './definition/component-tag.ts';
export {
  type AnyComponent,
  isByDockerfile,
  repositoryOf,
} from './definition/definition.ts';
export { gitTreeHash } from './definition/git-tree.ts';
export { findComponent, loadComponent } from './definition/load-component.ts';
export { buildDockerfile } from './dockerfile/build-dockerfile.ts';
export { runDockerBuilder } from './dockerfile/docker-builder.ts';
export { type SupersededImages, supersededImages } from './superseded.ts';
export { hasLoader, unpackedPrograms } from './unpacked-programs.ts';
