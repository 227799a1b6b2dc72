import type { ComposeImage, FilePlan } from './rootfs-plan.ts';

/** Where Alpine keeps what is installed. */
export const APK_DATABASE = 'lib/apk/db/installed';

/** What must be known of the images that share the root before the first of them is written. */
export interface RootSurvey {
  /** Every path that is a symbolic link once all are unpacked one over the other and `files` are written, with its target. */
  readonly links: ReadonlyMap<string, string>;
  readonly apkDatabases: readonly Uint8Array[];
}

/** Reads the headers of all images before the first is written (docs/design/0031-initrd.md). */
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
  const chunks: Uint8Array[] = [];
  for await (const { header, body } of image.entries()) {
    if (header.name !== APK_DATABASE) continue;
    for await (const chunk of body) chunks.push(chunk.slice());
  }
  return Buffer.concat(chunks);
}
