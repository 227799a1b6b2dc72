/** OCI image-spec, media-types.md, and Docker's of distribution "Image Manifest V 2, Schema 2". */
export const MEDIA = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  inToto: 'application/vnd.in-toto+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

export type Compression = 'none' | 'gzip' | 'zstd';

/** Whether documents of this type are indexes, of OCI or of Docker. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA.index || mediaType === MEDIA.dockerIndex;
}

/** Whether documents of this type are manifests, of OCI or of Docker. */
export function isManifestType(mediaType: string): boolean {
  return mediaType === MEDIA.manifest || mediaType === MEDIA.dockerManifest;
}

/** How a layer is compressed, or `undefined` when the type is no layer that can be unpacked. */
export function layerCompression(mediaType: string): Compression | undefined {
  switch (mediaType) {
    case MEDIA.layer:
    case MEDIA.dockerLayer:
    case 'application/vnd.oci.image.layer.nondistributable.v1.tar':
      return 'none';
    case MEDIA.layerGzip:
    case MEDIA.dockerLayerGzip:
    case 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip':
    case 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip':
      return 'gzip';
    case MEDIA.layerZstd:
    case 'application/vnd.docker.image.rootfs.diff.tar.zstd':
    case 'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd':
      return 'zstd';
    default:
      return undefined;
  }
}

/** The annotations and labels that are read or written. */
export const ANNOTATION = {
  refName: 'org.opencontainers.image.ref.name',
  imageName: 'io.containerd.image.name',
  referenceType: 'vnd.docker.reference.type',
  referenceDigest: 'vnd.docker.reference.digest',
  predicateType: 'in-toto.io/predicate-type',
} as const;

export const ATTESTATION_MANIFEST = 'attestation-manifest';
export const SPDX_PREDICATE = 'https://spdx.dev/Document';
