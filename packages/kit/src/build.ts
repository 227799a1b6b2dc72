import { createReadStream, type Stats, statSync } from 'node:fs';
import type { ArchiveEntry, EntryStream } from '@orlop/archive';
import type { Problem, ReportProgress } from '@orlop/core';
import { type ComposeOptions, composeRootfs } from './compose/compose-rootfs.ts';
import { fileEntry } from './compose/entries.ts';
import { InputTar } from './compose/input-tar.ts';
import { DOCKERFILE, SBOM_FILE, volumeFolder } from './compose/layout-paths.ts';
import { planRootfs } from './compose/plan-rootfs.ts';
import type { FileContent, RootfsPlan } from './compose/rootfs-plan.ts';
import type { HostSources } from './config/host-sources.ts';
import type { ImageYaml } from './config/image-yaml.ts';
import { type LoadedYaml, loadImageYaml } from './config/load.ts';
import { printJson, printYaml, withReferences } from './config/print.ts';
import { kitError } from './errors.ts';
import { BootPartsMaker } from './formats/boot-parts.ts';
import type { FormatInput, InitrdCompression, OutputFormat } from './formats/format.ts';
import { chooseCompression } from './formats/initrd-compression.ts';
import type { FinishedOutput, OutputSet, OutputSink } from './formats/output-set.ts';
import { Spool } from './formats/spool.ts';
import type { ImageResolver } from './resolve/resolver.ts';
import { mergeSpdx } from './sbom/merge-spdx.ts';
import type { Placed } from './yaml/shape.ts';

export interface BuildOptions {
  /** Files, URLs or `-`. */
  readonly locations: readonly string[];
  readonly sources: HostSources;
  readonly set?: ReadonlyMap<string, string>;
  readonly resolver: ImageResolver;
  readonly formats: readonly OutputFormat[];
  /** What the names of the outputs begin with. */
  readonly name: string;
  readonly architecture: string;
  /** The files of the build; the builder commits them, or discards them on failure. */
  readonly outputs: OutputSet;
  /** Where formats write instead, such as standard output. @default outputs */
  readonly sink?: OutputSink;
  /** @default what boots fastest of that which host and kernel can do */
  readonly initrdCompression?: InitrdCompression;
  readonly sizeMiB?: number;
  readonly decompressKernel?: boolean;
  /** An older image file, whose unchanged content is used again. */
  readonly inputTar?: string;
  /** Name of the SBOM in the root; false for none. @default 'sbom.spdx.json' */
  readonly sbom?: string | false;
  /** Milliseconds since 1970 that the SBOM says. @default a fixed time, for reproducibility */
  readonly sbomCreatedMs?: number;
  readonly signal: AbortSignal;
  readonly progress: ReportProgress;
  readonly nowMs: () => number;
  readonly onWarning?: (problem: Problem) => void;
  /** Told what is done: `Extract init[0]`, and the image's name. */
  readonly onStep?: (what: string, reference: string) => void;
}

export interface BuildStep {
  readonly name: string;
  readonly ms: number;
}

export interface BuildReport {
  readonly outputs: readonly FinishedOutput[];
  readonly steps: readonly BuildStep[];
  readonly images: readonly { readonly reference: string; readonly digest: string }[];
}

/** Reads the description of an image, checks it, and composes and writes the image in all asked formats. */
export async function buildImage(options: BuildOptions): Promise<BuildReport> {
  const { outputs, formats, resolver } = options;
  const clock = new StepClock(options.nowMs);
  try {
    const loaded = await clock.time('read', () => loadDescription(options));
    requireKernel(loaded.yaml, formats);
    const references = imageReferences(loaded.yaml);
    await clock.time('resolve', () => resolveImages(references, options));
    const plan = planRootfs({
      yaml: loaded.yaml,
      image: (reference) => resolver.get(reference),
      readSource: (source) => readSource(source, options.sources),
      metadata: (kind) => metadata(kind, loaded, resolver),
      decompressKernel: options.decompressKernel ?? false,
    });
    const sbom = await sbomEntry(plan, references, options);
    await writeFormats(plan, { sbom, options, clock });
    const finished = await outputs.commit();
    return {
      outputs: finished,
      steps: clock.steps,
      images: uniqueImages(references, resolver),
    };
  } finally {
    await outputs.discard();
  }
}

/** Only reads, checks and merges: what `--dry-run` prints. */
export async function loadDescription(
  options: Pick<BuildOptions, 'locations' | 'sources' | 'set' | 'onWarning'>,
): Promise<LoadedYaml> {
  const loaded = await loadImageYaml(options.locations, {
    reader: options.sources,
    ...(options.set === undefined ? {} : { set: options.set }),
  });
  for (const warning of loaded.warnings) options.onWarning?.(warning);
  return loaded;
}

function requireKernel(yaml: ImageYaml, formats: readonly OutputFormat[]): void {
  const needing = formats.find((format) => format.needsKernel);
  if (needing === undefined || yaml.kernel?.image !== undefined) return;
  throw kitError('kit.no-kernel', `the format ${needing.name} needs a kernel, and the description has none`, {
    hint: 'add "kernel:" with an "image:", or choose --format tar',
  });
}

/** Every reference of the description, in its order. */
function imageReferences(yaml: ImageYaml): readonly Placed<string>[] {
  const containers = [...(yaml.onboot ?? []), ...(yaml.onshutdown ?? []), ...(yaml.services ?? [])];
  return [
    ...(yaml.kernel?.image === undefined ? [] : [yaml.kernel.image]),
    ...(yaml.init ?? []),
    ...(yaml.volumes ?? []).flatMap(({ value }) => (value.image === undefined ? [] : [value.image])),
    ...containers.map((container) => container.image),
  ];
}

async function resolveImages(references: readonly Placed<string>[], options: BuildOptions): Promise<void> {
  const { resolver, progress } = options;
  const unique = new Set(references.map(({ value }) => value)).size;
  await resolver.resolveAll(references, (_, done, total) =>
    progress({ task: 'find images', done, total, unit: 'items' }),
  );
  progress({ task: 'find images', done: unique, total: unique, unit: 'items', finished: true });
}

function uniqueImages(references: readonly Placed<string>[], resolver: ImageResolver): BuildReport['images'] {
  const images = references.map((placed) => resolver.get(placed));
  return [...new Map(images.map((image) => [image.reference, image])).values()].map(
    ({ reference, digest }) => ({ reference, digest }),
  );
}

async function writeFormats(
  plan: RootfsPlan,
  { sbom, options, clock }: { sbom: readonly ArchiveEntry[]; options: BuildOptions; clock: StepClock },
): Promise<void> {
  const { formats, outputs, signal } = options;
  const inputTar =
    options.inputTar === undefined
      ? undefined
      : await InputTar.open(options.inputTar, await outputs.workFolder());
  let spool: Spool | undefined;
  const bootParts = new BootPartsMaker();
  const bootComponent = async function* (name: string): EntryStream {
    yield* (await options.resolver.component(name)).entries();
  };
  try {
    const compose = () => composeRootfs(plan, composeOptions(plan, inputTar, options));
    const spooling = formats.length > 1 || formats.some((format) => format.usesTree);
    const keep = async () => {
      spool ??= await Spool.write(withTail(compose(), sbom), await outputs.workFolder());
      return spool;
    };
    if (spooling) await clock.time('compose', keep);
    const compression = formats.some((format) => format.needsKernel)
      ? await chooseCompression((await keep()).tree(), options.initrdCompression)
      : 'gzip';
    for (const format of formats) {
      const tail = format.dockerfile ? [dockerfileEntry()] : [];
      const input: FormatInput = {
        stream: () =>
          spool === undefined ? withTail(compose(), [...tail, ...sbom]) : withTail(spool.stream(), tail),
        tree: async () => (await keep()).tree(),
      };
      await clock.time(format.name, () =>
        format.write({
          input,
          name: options.name,
          outputs: options.sink ?? outputs,
          architecture: options.architecture,
          initrdCompression: compression,
          ...(options.sizeMiB === undefined ? {} : { sizeMiB: options.sizeMiB }),
          bootParts,
          bootComponent,
          signal,
        }),
      );
    }
  } finally {
    await bootParts.close();
    await spool?.remove();
    await inputTar?.close();
  }
}

function composeOptions(
  plan: RootfsPlan,
  inputTar: InputTar | undefined,
  { progress, signal, onStep }: BuildOptions,
): ComposeOptions {
  const total = plan.init.length + plan.containers.length + (plan.kernel === undefined ? 0 : 1);
  const sameInit = inputTar?.hasSameInit(plan.init) ?? false;
  let done = 0;
  return {
    onStep: (location, reference) => {
      signal.throwIfAborted();
      onStep?.(`Extract ${location}`, reference);
      progress({ task: 'compose', done: Math.min(++done, total), total, unit: 'items' });
    },
    ...(inputTar === undefined
      ? {}
      : {
          reuse: (content) => {
            if (content.location.startsWith('init[') && !sameInit) return undefined;
            const entries = inputTar.reuse(content);
            if (entries !== undefined) onStep?.(`Copy ${content.location}`, content.image.reference);
            return entries;
          },
        }),
  };
}

async function* withTail(entries: EntryStream, tail: readonly ArchiveEntry[]): EntryStream {
  yield* entries;
  yield* tail;
}

function dockerfileEntry(): ArchiveEntry {
  const text = 'FROM scratch\nCOPY . ./\nENTRYPOINT ["/bin/rc.init"]\n';
  return fileEntry(DOCKERFILE, text, { origin: { source: 'linuxkit.files', location: 'dockerfile' } });
}

async function sbomEntry(
  plan: RootfsPlan,
  references: readonly Placed<string>[],
  { sbom = SBOM_FILE, sbomCreatedMs, resolver, name }: BuildOptions,
): Promise<readonly ArchiveEntry[]> {
  if (sbom === false) return [];
  const prefixes = new Map<string, string[]>();
  const add = (digest: string, prefix: string) => {
    prefixes.set(digest, [...(prefixes.get(digest) ?? []), prefix]);
  };
  if (plan.kernel !== undefined) add(plan.kernel.image.digest, '');
  for (const image of plan.init) add(image.digest, '');
  for (const volume of plan.volumes) {
    if (volume.image !== undefined) add(volume.image.digest, `${volumeFolder(volume.name)}/lower`);
  }
  for (const { image, extractTo } of plan.containers) {
    if (extractTo !== undefined) add(image.digest, extractTo);
  }
  const images = new Map(references.map((placed) => [resolver.get(placed).digest, resolver.get(placed)]));
  const documents = [];
  for (const image of images.values()) {
    documents.push({
      reference: image.reference,
      digest: image.digest,
      prefixes: prefixes.get(image.digest) ?? [],
      documents: await image.sboms(),
    });
  }
  const merged = mergeSpdx(documents, {
    name,
    ...(sbomCreatedMs === undefined ? {} : { createdMs: sbomCreatedMs }),
  });
  return [fileEntry(sbom.replace(/^\/+/, ''), `${JSON.stringify(merged, null, 2)}\n`, {})];
}

function metadata(kind: string, loaded: LoadedYaml, resolver: ImageResolver): string {
  const plain = withReferences(loaded.plain, (reference) => resolver.fullReference(reference));
  return kind === 'json' ? printJson(plain) : printYaml(plain);
}

function readSource(source: string, sources: HostSources): FileContent | undefined {
  const path = sources.hostPath(source);
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch {
    return undefined;
  }
  if (!stats.isFile()) throw kitError('kit.source-unreadable', `source ${source} is no file`);
  return {
    kind: 'source',
    sizeBytes: stats.size,
    read: () => createReadStream(path, { highWaterMark: 256 * 1024 }),
  };
}

/** How long each part of the work took. */
class StepClock {
  readonly steps: BuildStep[] = [];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  async time<T>(name: string, work: () => Promise<T>): Promise<T> {
    const started = this.#nowMs();
    const result = await work();
    this.steps.push({ name, ms: this.#nowMs() - started });
    return result;
  }
}
