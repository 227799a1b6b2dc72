export { type ArchiveOptions, type DebianArchive, readDebianArchive } from './apt/machine.ts';
export type { DebianPackage } from './apt/packages.ts';
export { type BuildRequest, type BuiltComponent, buildComponent } from './build-component.ts';
export { componentHash, componentReference, componentTag } from './definition/component-tag.ts';
export {
  ARCHITECTURES,
  type Architecture,
  type ComponentDefinition,
  repositoryOf,
} from './definition/definition.ts';
export { findComponent, type LoadOptions, loadComponent } from './definition/load-component.ts';
export { parseDefinition } from './definition/parse-definition.ts';
export { debianError } from './errors.ts';
