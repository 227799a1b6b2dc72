import { randomInt } from 'node:crypto';
import { type ArchiveEntry, type EntryHeader, type EntryStream, emptyBody, readTar } from '@orlop/archive';
import { OrlopError } from '@orlop/core';
import { decompress } from './decompress.ts';
import { Digester } from './digest.ts';
import { ociError } from './errors.ts';
import type { OciImage } from './image.ts';
import type { LayerFiles } from './layer-files.ts';
import { DEFAULT_LAYER_LIMITS, type LayerLimits, mostContent, withinLimits } from './layer-limits.ts';
import { LayerTree } from './layer-tree.ts';
import { layerCompression } from './media-types.ts';
import { NO_NODE } from './name-tree.ts';
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
  readonly files: LayerFiles;
}

/** Reads the headers of all layers: the first half of {@link flattenImage}, which can take the result. */
export async function scanImage(
  store: ImageStore,
  image: OciImage,
  options: Omit<FlattenOptions, 'scan'> = {},
): Promise<ImageScan> {
  const { signal } = options;
  const limits = { ...DEFAULT_LAYER_LIMITS, ...options.limits };
  const tree = new LayerTree(randomInt(2 ** 31));
  const counts = { entries: 0, devices: 0 };
  for (const layer of layersOf(image)) {
    const content = openLayer(store, layer, { limits, signal });
    await scanLayer(checkDiffId(content, layer), { ...layer, tree, limits, counts, signal });
  }
  return { files: tree.finish() };
}

/** The headers of the members that {@link flattenImage} yields, hard links left out, in no order of use. */
export function* scannedHeaders({ files }: ImageScan): Generator<EntryHeader> {
  for (const file of files.inTreeOrder()) yield files.header(file);
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
  const { files } = options.scan ?? (await scanImage(store, image, options));
  const withContent = layersWithContent(files);
  const emission = new Emission(files);
  for (const layer of layers) {
    if (!withContent.has(layer.index)) {
      yield* emission.emitLayer(layer.index);
      continue;
    }
    let member = -1;
    try {
      for await (const { body } of readTar(openLayer(store, layer, { limits, signal }))) {
        signal?.throwIfAborted();
        yield* emission.emitMember({ layer: layer.index, member: ++member }, body);
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw inLayer(error, layer.subject);
    }
  }
  // Parents that no layer lists, and that have no children left.
  yield* emission.emitLayer(undefined);
}

/** The layers that must be read once more: those of files that are not empty and still there. */
function layersWithContent(files: LayerFiles): ReadonlySet<number | undefined> {
  const found = new Set<number | undefined>();
  for (const file of files.inTreeOrder()) if (files.sizeBytes(file) > 0) found.add(files.layer(file));
  return found;
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

/** Yields each file once, with all of its names, and what must come before it. */
class Emission {
  readonly #files: LayerFiles;
  readonly #done: Uint8Array;
  /** The lowest file that may be of the next member. */
  #next = 0;

  constructor(files: LayerFiles) {
    this.#files = files;
    this.#done = new Uint8Array(files.end);
  }

  /** All files of a layer, which have no content. */
  *emitLayer(layer: number | undefined): Generator<ArchiveEntry> {
    for (const file of this.#files.inTreeOrder())
      if (this.#files.layer(file) === layer) yield* this.#emit(file, emptyBody);
  }

  /** The file that a member is the content of, if it is still there. Members must come in their order. */
  *emitMember(
    { layer, member }: { readonly layer: number; readonly member: number },
    body: AsyncIterable<Uint8Array>,
  ): Generator<ArchiveEntry> {
    const files = this.#files;
    for (; this.#next < files.end; this.#next++) {
      const of = files.layer(this.#next) ?? -1;
      if (of > layer || (of === layer && files.member(this.#next) > member)) return;
      if (of === layer && files.member(this.#next) === member) {
        yield* this.#emit(this.#next++, body);
        return;
      }
    }
  }

  *#emit(file: number, body: AsyncIterable<Uint8Array>): Generator<ArchiveEntry> {
    const first = this.#files.firstName(file);
    if (first === NO_NODE || this.#done[file] === 1) return;
    yield* this.#parents(first);
    this.#done[file] = 1;
    const header = this.#files.header(file);
    yield { header, body };
    for (const other of this.#files.otherNames(file)) {
      yield* this.#parents(other);
      const { mode, uid, gid, mtime } = header;
      const link: EntryHeader = {
        name: this.#files.path(other),
        type: 'hardlink',
        linkName: header.name,
        ...{ mode, uid, gid, mtime },
        sizeBytes: 0,
      };
      yield { header: link, body: emptyBody };
    }
  }

  *#parents(name: number): Generator<ArchiveEntry> {
    const missing: number[] = [];
    for (const file of this.#files.parents(name)) {
      if (this.#done[file] === 1) break;
      missing.push(file);
    }
    for (const file of missing.reverse()) {
      this.#done[file] = 1;
      yield { header: this.#files.header(file), body: emptyBody };
    }
  }
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
