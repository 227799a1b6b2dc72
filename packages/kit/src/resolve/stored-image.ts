import {
  type Descriptor,
  type Digest,
  flattenImage,
  type ImageScan,
  type ImageStore,
  openImage,
  type Platform,
  readSboms,
  type SpdxDocument,
  scanImage,
  scannedHeaders,
} from '@orlop/oci';
import type { ComposeImage } from '../compose/rootfs-plan.ts';
import { ociLayoutEntries } from './oci-layout.ts';

/** An image of the local store, ready to be composed. */
export interface ResolvedImage extends ComposeImage {
  /** The lists of contents that came with it; none for many images. */
  sboms(): Promise<readonly SpdxDocument[]>;
  readonly digest: Digest;
  /** Of the index that the image is in, or its own. */
  readonly sourceDigest: Digest;
  /** Bytes of its layers as they are stored. */
  readonly storedBytes: number;
}

export interface StoredImageOptions {
  readonly store: ImageStore;
  /** Expanded. */
  readonly reference: string;
  /** Of its index or manifest. */
  readonly descriptor: Descriptor;
  readonly platform: Platform;
  readonly signal: AbortSignal;
}

/** The store keeps it until it is released. @throws OrlopError when it lacks the platform or a part of it */
export async function storedImage(options: StoredImageOptions): Promise<ResolvedImage> {
  const { store, reference, descriptor, platform, signal } = options;
  const image = { ...(await openImage(store, descriptor, platform)), name: reference };
  await store.keep(image.descriptor, descriptor);
  const { config, manifest } = image;
  // Kept from a look at the headers until the files are read, since that needs the same first pass.
  let scan: ImageScan | undefined;
  return {
    reference,
    digest: image.descriptor.digest,
    sourceDigest: descriptor.digest,
    defaults: config.config ?? {},
    labels: config.config?.Labels ?? {},
    storedBytes: manifest.layers.reduce((sum, layer) => sum + layer.size, 0),
    async headers() {
      scan ??= await scanImage(store, image, { signal });
      return scannedHeaders(scan);
    },
    entries() {
      const known = scan;
      scan = undefined;
      return flattenImage(store, image, { signal, ...(known && { scan: known }) });
    },
    layout: (platforms) => ociLayoutEntries(store, { name: reference, descriptor, platforms }),
    sboms: () => readSboms(store, descriptor, platform),
  };
}
