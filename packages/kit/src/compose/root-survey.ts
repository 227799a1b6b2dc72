import { bodyBytes } from '@orlop/archive';
import { kitError } from '../errors.ts';
import type { ComposeImage, FilePlan } from './rootfs-plan.ts';

/** Where Alpine keeps what is installed. */
export const APK_DATABASE = 'lib/apk/db/installed';
/** More than any installed system has. */
const MAX_APK_BYTES = 64 * 2 ** 20;

/** What must be known of the images that share the root before the first of them is written. */
export interface RootSurvey {
  /** Every path that is a symbolic link once all are unpacked one over the other and `files` are written, with its target. */
  readonly links: ReadonlyMap<string, string>;
  readonly apkDatabases: readonly Uint8Array[];
}

/**
 * Reads the headers of all images before the first is written (docs/design/0031-initrd.md).
 *
 * @throws OrlopError `kit.invalid-image` for a package database that is larger than any
 */
export async function surveyRoot(
  images: readonly ComposeImage[],
  files: readonly FilePlan[],
): Promise<RootSurvey> {
  const links = new Map<string, string>();
  const withApk: ComposeImage[] = [];
  for (const image of images) {
    for (const { name, type, linkName } of await image.headers()) {
      if (type === 'symlink') links.set(name, linkName ?? '');
      else if (type !== 'directory') links.delete(name);
      if (name === APK_DATABASE && type === 'file') withApk.push(image);
    }
  }
  for (const { path, content } of files) {
    if (content.kind === 'symlink') links.set(path, content.target);
    else if (content.kind !== 'directory') links.delete(path);
  }
  // One alone is taken as it is.
  const apkDatabases = withApk.length < 2 ? [] : await Promise.all(withApk.map(readApkDatabase));
  return { links, apkDatabases };
}

async function readApkDatabase(image: ComposeImage): Promise<Uint8Array> {
  let database: Uint8Array = new Uint8Array(0);
  for await (const entry of image.entries()) {
    const { name, type, sizeBytes } = entry.header;
    if (name !== APK_DATABASE || type !== 'file') continue;
    if (sizeBytes > MAX_APK_BYTES) {
      const what = `${image.reference}: ${APK_DATABASE}`;
      throw kitError(
        'kit.invalid-image',
        `${what} is ${sizeBytes} bytes, and none has over ${MAX_APK_BYTES}`,
      );
    }
    database = await bodyBytes(entry);
  }
  return database;
}
