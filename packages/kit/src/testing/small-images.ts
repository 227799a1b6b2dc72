import { type ArchiveEntry, bytesBody, type EntryStream, emptyBody, writeTar } from '@orlop/archive';
import {
  attachSbom,
  type ImageConfig,
  type ImageStore,
  type SpdxDocument,
  writeImage,
  writeIndex,
} from '@orlop/oci';
import { type BuildOptions, type BuildReport, buildImage } from '../build.ts';
import { HostSources } from '../config/host-sources.ts';
import { OutputSet } from '../formats/output-set.ts';
import { findFormat } from '../formats/table.ts';
import { ImageResolver } from '../resolve/resolver.ts';

export const PLATFORM = { os: 'linux', architecture: 'amd64' } as const;
const MTIME = 1_700_000_000;

/** A member in short: `name/` is a folder, `{ link }` a symbolic and `{ hard }` a hard link, else content. */
export type Member = readonly [string, (string | Uint8Array | { link: string } | { hard: string })?, number?];

export async function* members(list: readonly Member[]): EntryStream {
  for (const [name, content = '', mode] of list) yield memberEntry(name, content, mode);
}

function memberEntry(name: string, content: NonNullable<Member[1]>, mode?: number): ArchiveEntry {
  const base = { uid: 0, gid: 0, sizeBytes: 0, mtime: MTIME };
  if (name.endsWith('/')) {
    return {
      header: { ...base, name: name.slice(0, -1), type: 'directory', mode: mode ?? 0o755 },
      body: emptyBody,
    };
  }
  if (typeof content === 'object' && 'link' in content) {
    return {
      header: { ...base, name, type: 'symlink', mode: 0o777, linkName: content.link },
      body: emptyBody,
    };
  }
  if (typeof content === 'object' && 'hard' in content) {
    const header = { ...base, name, type: 'hardlink', mode: mode ?? 0o644, linkName: content.hard } as const;
    return { header, body: emptyBody };
  }
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const header = { ...base, name, type: 'file', mode: mode ?? 0o644, sizeBytes: bytes.length } as const;
  return { header, body: bytesBody(bytes) };
}

export async function tarBytes(list: readonly Member[]): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(members(list))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export interface SmallImage {
  readonly layers: readonly (readonly Member[])[];
  readonly config?: ImageConfig['config'];
  readonly sbom?: SpdxDocument;
}

/** Puts an image under a name into a store. */
export async function putImage(store: ImageStore, name: string, image: SmallImage): Promise<void> {
  const manifest = await writeImage(store, {
    platform: PLATFORM,
    config: image.config === undefined ? {} : { config: image.config },
    layers: image.layers.map(members),
  });
  let index = await writeIndex(store, [manifest]);
  if (image.sbom !== undefined) {
    index = await attachSbom(store, { index, platform: PLATFORM, document: image.sbom });
  }
  await store.tag(name, index);
}

export interface BuildSetup {
  readonly store: ImageStore;
  /** Where the description is and the outputs go. */
  readonly folder: string;
  readonly formats: readonly string[];
  readonly options?: Partial<BuildOptions>;
}

/** Builds `image.yml` of a folder with the images of a store. */
export async function buildSmall({ store, folder, formats, options }: BuildSetup): Promise<BuildReport> {
  const { signal } = new AbortController();
  return buildImage({
    locations: ['image.yml'],
    sources: new HostSources({
      cwd: folder,
      home: undefined,
      stdin: (async function* () {})(),
      componentReference: async (path) => path,
      signal,
    }),
    resolver: new ImageResolver({ store, platform: PLATFORM, pull: 'never', signal }),
    formats: formats.map(findFormat),
    name: 'image',
    architecture: 'amd64',
    outputs: new OutputSet(folder, { signal }),
    signal,
    progress: () => {},
    nowMs: () => 0,
    ...options,
  });
}
