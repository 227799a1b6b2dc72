import type { ArchiveEntry, EntryStream } from '@orlop/archive';
import { directoryEntry, fileEntry, folderEntries, type Origin } from './entries.ts';
import { filePlanEntries } from './file-entries.ts';
import { filterImage } from './image-filter.ts';
import { kernelEntries } from './kernel.ts';
import { volumeFolder } from './layout-paths.ts';
import { RootLayout } from './root-layout.ts';
import { APK_DATABASE, surveyRoot } from './root-survey.ts';
import type { ComposeImage, ContainerPlan, RootfsPlan, VolumePlan } from './rootfs-plan.ts';

export interface ComposeOptions {
  /** Told of each step before its entries come: `init[0]`, with the image's reference. */
  readonly onStep?: (location: string, reference: string) => void;
  /** Content of an image, filtered and at its place, from an older image file. Undefined where it has none. */
  readonly reuse?: (content: ReusableContent) => EntryStream | undefined;
}

export interface ReusableContent {
  readonly location: string;
  readonly image: ComposeImage;
  /** The folder that the image is put into; empty for the root. */
  readonly prefix: string;
}

/**
 * The root file system as one stream, in LinuxKit's order: kernel, init, volumes, onboot, onshutdown, services,
 * files. Each call reads the images anew; nothing but names is kept in memory.
 */
export async function* composeRootfs(plan: RootfsPlan, options: ComposeOptions = {}): EntryStream {
  const { links, apkDatabases } = await surveyRoot(plan.init, plan.files);
  const layout = new RootLayout(links);
  const step = (location: string, image: ComposeImage): Origin => {
    options.onStep?.(location, image.reference);
    return { source: image.reference, location, digest: image.digest };
  };
  const placed = async function* (entries: EntryStream, origin: Origin): EntryStream {
    for await (const entry of entries) yield* layout.place(entry, origin);
  };
  if (plan.kernel !== undefined) {
    const origin = step('kernel', plan.kernel.image);
    yield* placed(kernelEntries(plan.kernel, origin), origin);
  }
  for (const [index, image] of plan.init.entries()) {
    const location = `init[${index}]`;
    const origin = step(location, image);
    const entries =
      options.reuse?.({ location, image, prefix: '' }) ??
      filterImage(image.entries(), { prefix: '', origin, resolvConf: 'link' });
    yield* placed(entries, origin);
  }
  yield* apkUnion(apkDatabases, layout);
  for (const volume of plan.volumes) {
    const origin =
      volume.image === undefined
        ? { source: 'empty', location: volume.location }
        : step(volume.location, volume.image);
    yield* placed(volumeEntries(volume, origin), origin);
  }
  for (const container of plan.containers) {
    const origin = step(container.location, container.image);
    yield* placed(containerEntries(container, { origin, options }), origin);
  }
  for (const file of plan.files) {
    const origin = { source: 'linuxkit.files', location: file.location };
    yield* filePlanEntries(file, { layout, origin });
  }
}

async function* volumeEntries(volume: VolumePlan, origin: Origin): EntryStream {
  const folder = volumeFolder(volume.name);
  const own: Origin = { source: 'linuxkit.volumes', location: volume.location };
  const lower = `${folder}/lower`;
  yield* folderEntries(lower, origin);
  if (volume.image !== undefined && volume.format === 'oci') {
    for await (const { header, body } of volume.image.layout(volume.platforms)) {
      const pax = new Map([...(header.pax ?? []), ...(directoryEntry('', origin).header.pax ?? [])]);
      yield { header: { ...header, name: `${lower}/${header.name}`, pax }, body };
    }
  } else if (volume.image !== undefined) {
    yield* filterImage(volume.image.entries(), { prefix: lower, origin, resolvConf: 'link' });
  }
  yield directoryEntry(`${folder}/tmp`, own);
  yield directoryEntry(`${folder}/merged`, own);
  // Our own init then mounts `merged` read-only; LinuxKit's does not know the file.
  if (volume.readonly) yield fileEntry(`${folder}/readonly`, '', { origin: own });
}

async function* containerEntries(
  container: ContainerPlan,
  { origin, options }: { origin: Origin; options: ComposeOptions },
): EntryStream {
  const { folder, image, extractTo } = container;
  yield* folderEntries(folder, origin);
  if (extractTo !== undefined) {
    yield directoryEntry(extractTo, origin);
    yield* options.reuse?.({ location: container.location, image, prefix: extractTo }) ??
      filterImage(image.entries(), { prefix: extractTo, origin, resolvConf: 'comment' });
  }
  yield fileEntry(`${folder}/config.json`, container.configJson, { origin });
  if (!container.readonly) {
    yield directoryEntry(`${folder}/tmp`, origin);
    yield directoryEntry(`${folder}/rootfs`, origin);
  } else if (extractTo === undefined) {
    yield directoryEntry(`${folder}/rootfs`, origin);
  }
  yield fileEntry(`${folder}/runtime.json`, container.runtimeJson, { origin });
  if (container.orlopJson !== undefined) {
    yield fileEntry(`${folder}/orlop.json`, container.orlopJson, { origin });
  }
}

/** Where several images brought an Alpine package database, the last would hide the others: all as one. */
function* apkUnion(databases: readonly Uint8Array[], layout: RootLayout): Generator<ArchiveEntry> {
  if (databases.length < 2) return;
  const origin = { source: 'LINUXKIT.apkinit', location: 'init' };
  const end = new TextEncoder().encode('\n\n');
  const union = Buffer.concat(databases.flatMap((database) => [database, end]));
  const entry = fileEntry(APK_DATABASE, union, { origin });
  yield* layout.place({ ...entry, header: { ...entry.header, mtime: 0 } }, origin);
}
