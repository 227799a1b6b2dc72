// Programs of components that are run on the host; who uses components knows kit alone.
export { hasLoader, unpackedPrograms } from '@orlop/debian';
export { type BuildOptions, type BuildReport, type BuildStep, buildImage, loadDescription } from './build.ts';
export { type UnpackedKernel, unpackKernel } from './compose/unpack-kernel.ts';
export { type HostSourceOptions, HostSources } from './config/host-sources.ts';
export type { ImageYaml } from './config/image-yaml.ts';
export {
  type LoadedYaml,
  type LoadOptions,
  loadImageYaml,
  type SourceReader,
  type SourceText,
} from './config/load.ts';
export { printYaml } from './config/print.ts';
export { kitError } from './errors.ts';
export type { FormatContext, FormatInput, InitrdCompression, OutputFormat } from './formats/format.ts';
export { outputFile, outputPlace } from './formats/output-place.ts';
export { type FinishedOutput, OutputSet, type OutputSink } from './formats/output-set.ts';
export { deviceSink, renamedSink, streamSink } from './formats/single-output.ts';
export { bootComponentsOf, findFormat, outputFormats } from './formats/table.ts';
export { type Lock, type LockedImage, mergeLocks, parseLock, printLock } from './lock/lock-file.ts';
export { type LockRequest, lockImages } from './lock/lock-images.ts';
export { Components, type ComponentsOptions } from './resolve/components.ts';
export { ImageResolver, type PullPolicy, type ResolverOptions } from './resolve/resolver.ts';
export { type ResolvedImage, storedImage } from './resolve/stored-image.ts';
export {
  parseSubstitution,
  readSubstitutions,
  type Substitution,
  substitute,
} from './resolve/substitution.ts';
export {
  type ChangedPackage,
  diffSboms,
  type ListedPackage,
  listPackages,
  type SbomDiff,
} from './sbom/diff.ts';
export type { Json } from './sbom/json.ts';
export { mergeSpdx } from './sbom/merge-spdx.ts';
export { type ReadSbomOptions, readSbom } from './sbom/read-sbom.ts';
