import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeDocument, parseIndex, parseObject } from './documents.ts';
import { ociError } from './errors.ts';
import { MEDIA } from './media-types.ts';
import { ownIdentity, ownMark } from './process-identity.ts';
import type { Descriptor } from './types.ts';

/** OCI image-spec, image-layout.md. */
const LAYOUT_FILE = 'oci-layout';
const INDEX_FILE = 'index.json';
const LAYOUT_VERSION = '1.0.0';

/** Makes the folder an image layout, unless it is one. @throws OrlopError oci.store-unusable, oci.store-newer */
export async function createLayout(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const layout = await readFile(join(folder, LAYOUT_FILE)).catch(() => undefined);
    if (layout === undefined) {
      await writeWhole(join(folder, LAYOUT_FILE), encodeDocument({ imageLayoutVersion: LAYOUT_VERSION }));
      return;
    }
    const version = parseObject(layout, join(folder, LAYOUT_FILE))['imageLayoutVersion'];
    if (typeof version !== 'string' || !version.startsWith('1.'))
      throw ociError(
        'oci.store-newer',
        `${folder} is an image layout of version ${JSON.stringify(version)}; this program knows ${LAYOUT_VERSION}`,
      );
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'OrlopError') throw cause;
    throw ociError('oci.store-unusable', `${folder} cannot hold images`, { cause });
  }
}

/** The images of the layout, in the file's order. */
export async function readLayoutIndex(folder: string): Promise<readonly Descriptor[]> {
  const path = join(folder, INDEX_FILE);
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw ociError('oci.store-unusable', `${path} cannot be read`, { cause });
  });
  if (bytes === undefined) return [];
  try {
    return parseIndex(bytes, path).manifests;
  } catch (cause) {
    throw ociError('oci.store-unusable', `the list of images ${path} is damaged`, {
      cause,
      hint: 'remove that file: components are then built, and images pulled, again',
    });
  }
}

/** @throws OrlopError oci.store-unusable, with the old list in place */
export async function writeLayoutIndex(folder: string, manifests: readonly Descriptor[]): Promise<void> {
  const path = join(folder, INDEX_FILE);
  try {
    await writeWhole(path, encodeDocument({ schemaVersion: 2, mediaType: MEDIA.index, manifests }));
  } catch (cause) {
    throw ociError('oci.store-unusable', `${path} cannot be written`, { cause });
  }
}

/** Old content or new, never a part, whenever the process or the machine stops. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${await ownIdentity()}.${ownMark()}`;
  await writeFile(draft, bytes, { mode: 0o600 });
  const file = await open(draft, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
