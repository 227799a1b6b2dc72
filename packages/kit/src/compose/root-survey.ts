import type { ComposeImage } from './rootfs-plan.ts';

/** Where Alpine keeps what is installed. */
export const APK_DATABASE = 'lib/apk/db/installed';

/** What must be known of the images that share the root before the first of them is written. */
export interface RootSurvey {
  /** Every path that is a symbolic link once all are unpacked one over the other, with its target. */
  readonly links: ReadonlyMap<string, string>;
  readonly apkDatabases: readonly Uint8Array[];
}

export async function surveyRoot(images: readonly ComposeImage[]): Promise<RootSurvey> {
  const links = new Map<string, string>();
  const apkDatabases: Uint8Array[] = [];
  for (const image of images) {
    for await (const { header, body } of image.entries()) {
      if (header.type === 'symlink') links.set(header.name, header.linkName ?? '');
      else if (header.type !== 'directory') links.delete(header.name);
      if (header.name !== APK_DATABASE || header.type !== 'file') continue;
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk.slice());
      apkDatabases.push(Buffer.concat(chunks));
    }
  }
  return { links, apkDatabases };
}
