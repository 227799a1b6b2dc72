export { architectureNames, nameArchitectures } from './architecture-names.ts';
export { decompress } from './decompress.ts';
export { digestOf, isDigest, parseDigest } from './digest.ts';
export { ociError } from './errors.ts';
export { type ExportFormat, type ExportOptions, exportImage } from './export-image.ts';
export {
  type FlattenOptions,
  flattenImage,
  type ImageScan,
  scanImage,
  scannedHeaders,
} from './flatten.ts';
export { unzstdByHost, zstdByHost } from './host-zstd.ts';
export { choosePlatform, type OciImage, openImage } from './image.ts';
export { type ImportOptions, importArchive } from './import-archive.ts';
export { DEFAULT_LAYER_LIMITS, type LayerLimits } from './layer-limits.ts';
export { ANNOTATION, type Compression, isIndexType, isManifestType, MEDIA } from './media-types.ts';
export { type GzipOptions, gzipParallel } from './parallel-gzip.ts';
export { formatPlatform, parsePlatform, platformFit } from './platform.ts';
export { isRunning, ownIdentity, ownMark } from './process-identity.ts';
export { type PullRequest, pullImage } from './pull.ts';
export { type PushRequest, pushImage } from './push.ts';
export {
  expandReference,
  familiarReference,
  formatReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from './reference.ts';
export { RegistryClient, type RegistryClientOptions } from './registry/client.ts';
export {
  type Credentials,
  type DockerCredentialsOptions,
  dockerCredentials,
  type FindCredentials,
} from './registry/credentials.ts';
export { type Mirror, parseMirror } from './registry/endpoints.ts';
export { environmentProxies, type FindProxy } from './registry/proxy.ts';
export type { RetryPolicy } from './registry/retry.ts';
export { attachSbom, isAttestation, readSboms, type SpdxDocument } from './sbom.ts';
export {
  ImageStore,
  type ImageStoreOptions,
  type StoredImage,
  type SweepResult,
  type WriteBlobOptions,
} from './store.ts';
export * from './types.ts';
export { type NewImage, writeImage, writeIndex } from './write-image.ts';
