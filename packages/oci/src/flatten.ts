import { type ArchiveEntry, type EntryHeader, type EntryStream, emptyBody, readTar } from '@orlop/archive';
import { OrlopError } from '@orlop/core';
import { decompress } from './decompress.ts';
import { Digester } from './digest.ts';
import { ociError } from './errors.ts';
import type { OciImage } from './image.ts';
import { DEFAULT_LAYER_LIMITS, type LayerLimits, mostContent, withinLimits } from './layer-limits.ts';
import { isDirectory, type LayerInode, type LayerNode, LayerTree, pathOf } from './layer-tree.ts';
import { layerCompression } from './media-types.ts';
import type { ImageStore } from './store.ts';
import type { Descriptor, Digest } from './types.ts';

export interface FlattenOptions {
  readonly limits?: LayerLimits;
  readonly signal?: AbortSignal;
  /** What {@link scanImage} found, so that headers are not read again. */
  readonly scan?: ImageScan;
}

/** What an image's layers add up to, without the content. */
export interface ImageScan {
  readonly inodes: readonly LayerInode[];
}

/** Reads the headers of all layers: the first half of {@link flattenImage}, which can take the result. */
export async function scanImage(
  store: ImageStore,
  image: OciImage,
  options: Omit<FlattenOptions, 'scan'> = {},
): Promise<ImageScan> {
  const { signal } = options;
  const limits = { ...DEFAULT_LAYER_LIMITS, ...options.limits };
  const tree = new LayerTree();
  const counts = { entries: 0, devices: 0 };
  for (const layer of layersOf(image)) {
    const content = openLayer(store, layer, { limits, signal });
    await scanLayer(checkDiffId(content, layer), { ...layer, tree, limits, counts, signal });
  }
  return { inodes: tree.finish() };
}

/** The headers of the members that {@link flattenImage} yields, hard links left out, in no order of use. */
export function* scannedHeaders(scan: ImageScan): Generator<EntryHeader> {
  for (const inode of scan.inodes) {
    const [first] = inode.names;
    if (first !== undefined) yield headerOf(inode, pathOf(first));
  }
}

/**
 * The root file system of an image as one stream of members: each name once, parents before their children,
 * targets of hard links before the links, every file with its `linkCount`. The root directory itself is left
 * out. Layers are read twice, first their headers and then the content that survived, so memory depends on the
 * number of members and not on their size.
 *
 * @throws OrlopError (from the iterator) oci.bad-layer, oci.layer-limit, oci.digest-mismatch and others, naming
 * image, layer and member
 */
export async function* flattenImage(
  store: ImageStore,
  image: OciImage,
  options: FlattenOptions = {},
): EntryStream {
  const { signal } = options;
  const limits = { ...DEFAULT_LAYER_LIMITS, ...options.limits };
  const layers = layersOf(image);
  const { inodes } = options.scan ?? (await scanImage(store, image, options));
  const wanted = layers.map((): (LayerInode | undefined)[] => []);
  for (const inode of inodes) {
    const members = wanted[inode.layer];
    if (members !== undefined) members[inode.member] = inode;
  }
  const emission = new Emission();
  for (const layer of layers) {
    const members = wanted[layer.index] ?? [];
    if (!members.some((inode) => inode !== undefined && inode.header.sizeBytes > 0)) {
      for (const inode of inodes) if (inode.layer === layer.index) yield* emission.emit(inode, emptyBody);
      continue;
    }
    let member = -1;
    try {
      for await (const { body } of readTar(openLayer(store, layer, { limits, signal }))) {
        signal?.throwIfAborted();
        const inode = members[++member];
        if (inode !== undefined) yield* emission.emit(inode, body);
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw inLayer(error, layer.subject);
    }
  }
  // Parents that no layer lists, and that have no children left.
  for (const inode of inodes) if (inode.layer === -1) yield* emission.emit(inode, emptyBody);
}

interface OpenLayer {
  readonly descriptor: Descriptor;
  readonly index: number;
  readonly subject: string;
  readonly diffId: Digest | undefined;
}

function layersOf(image: OciImage): readonly OpenLayer[] {
  return image.manifest.layers.map((descriptor, index) => ({
    descriptor,
    index,
    subject: `layer ${index + 1} of ${image.name} (${descriptor.digest.slice(0, 19)}…)`,
    diffId: image.config.rootfs.diff_ids[index],
  }));
}

/** A layer's tar archive, with its blob's digest and its size checked on the way. */
function openLayer(
  store: ImageStore,
  { descriptor, subject }: OpenLayer,
  { limits, signal }: { limits: Required<LayerLimits>; signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  if (layerCompression(descriptor.mediaType) === undefined)
    throw ociError('oci.unsupported-media-type', `${subject} is ${descriptor.mediaType}, which is no layer`);
  const blob = store.readBlob(descriptor, signal === undefined ? {} : { signal });
  return withinLimits(decompress(blob, { subject }), {
    limits,
    compressedBytes: descriptor.size,
    subject,
  });
}

async function* checkDiffId(
  content: AsyncIterable<Uint8Array>,
  { descriptor, diffId, subject }: OpenLayer,
): AsyncGenerator<Uint8Array> {
  if (diffId === descriptor.digest) {
    yield* content; // not compressed: the blob's own check has said it
    return;
  }
  const digester = new Digester(diffId?.startsWith('sha512:') ? 'sha512' : 'sha256');
  for await (const chunk of content) {
    digester.update(chunk);
    yield chunk;
  }
  const actual = digester.finish();
  if (actual !== diffId)
    throw ociError(
      'oci.digest-mismatch',
      `${subject} is ${actual} uncompressed, but the image's configuration says ${diffId}`,
    );
}

/** The first pass: headers into the tree. */
async function scanLayer(
  content: AsyncIterable<Uint8Array>,
  {
    descriptor,
    index,
    subject,
    tree,
    limits,
    counts,
    signal,
  }: OpenLayer & {
    tree: LayerTree;
    limits: Required<LayerLimits>;
    counts: { entries: number; devices: number };
    signal: AbortSignal | undefined;
  },
): Promise<void> {
  let member = -1;
  try {
    // A member that claims too much is refused before it is read.
    const maxEntryBytes = mostContent(limits, descriptor.size);
    for await (const { header } of readTar(content, { maxEntryBytes, maxTotalBytes: maxEntryBytes })) {
      signal?.throwIfAborted();
      if (++counts.entries > limits.maxEntries)
        throw ociError('oci.layer-limit', `the image has over ${limits.maxEntries} members`);
      if ((header.type === 'char' || header.type === 'block') && ++counts.devices > limits.maxDevices)
        throw ociError('oci.layer-limit', `the image has over ${limits.maxDevices} device nodes`);
      tree.add(header, { layer: index, member: ++member });
    }
    tree.endLayer();
  } catch (error) {
    signal?.throwIfAborted();
    throw inLayer(error, subject);
  }
}

/** Remembers which names are out, and gives those that must come before. */
class Emission {
  readonly #done = new Set<LayerNode>();

  *emit(inode: LayerInode, body: AsyncIterable<Uint8Array>): Generator<ArchiveEntry> {
    const [first, ...others] = inode.names;
    if (first === undefined || this.#done.has(first)) return;
    yield* this.#parents(first);
    this.#done.add(first);
    const name = pathOf(first);
    yield { header: headerOf(inode, name), body };
    for (const other of others) {
      yield* this.#parents(other);
      this.#done.add(other);
      const { mode, uid, gid, mtime } = inode.header;
      const header: EntryHeader = {
        name: pathOf(other),
        type: 'hardlink',
        linkName: name,
        ...{ mode, uid, gid, mtime },
        sizeBytes: 0,
      };
      yield { header, body: emptyBody };
    }
  }

  *#parents(leaf: LayerNode): Generator<ArchiveEntry> {
    const missing: LayerNode[] = [];
    for (let at = leaf.parent; at?.parent !== undefined && !this.#done.has(at); at = at.parent)
      missing.push(at);
    for (const parent of missing.reverse()) {
      this.#done.add(parent);
      yield { header: headerOf(parent.inode, pathOf(parent)), body: emptyBody };
    }
  }
}

function headerOf(inode: LayerInode, name: string): EntryHeader {
  const first = inode.names[0];
  const linkCount = first !== undefined && !isDirectory(first) ? inode.names.length : undefined;
  return { ...inode.header, name, ...(linkCount !== undefined && { linkCount }) };
}

/** Says in which layer an archive's error happened. */
function inLayer(error: unknown, subject: string): unknown {
  if (!(error instanceof OrlopError) || error.kind === 'cancelled' || error.message.includes(subject))
    return error;
  if (error.code.startsWith('archive.'))
    return ociError(
      error.code === 'archive.limit' ? 'oci.layer-limit' : 'oci.bad-layer',
      `${subject}: ${error.message}`,
      { cause: error },
    );
  if (error.code === 'oci.bad-layer' || error.code === 'oci.layer-limit')
    return ociError(error.code, `${subject}: ${error.message}`);
  return error;
}
