import { createReadStream, type Stats, statSync } from 'node:fs';
import { type ArchiveEntry, bytesBody } from '@orlop/archive';
import type { Problem, ReportProgress } from '@orlop/core';
import type { SpdxDocument } from '@orlop/oci';
import { fileEntry } from './compose/entries.ts';
import { SBOM_FILE } from './compose/layout-paths.ts';
import { planRootfs } from './compose/plan-rootfs.ts';
import type { FileContent } from './compose/rootfs-plan.ts';
import type { HostSources } from './config/host-sources.ts';
import type { ImageYaml } from './config/image-yaml.ts';
import { type LoadedYaml, loadImageYaml } from './config/load.ts';
import { printJson, printYaml, withReferences } from './config/print.ts';
import { kitError } from './errors.ts';
import type { InitrdCompression, OutputFormat } from './formats/format.ts';
import type { FinishedOutput, OutputSet, OutputSink } from './formats/output-set.ts';
import { requireDistinctOutputs } from './formats/table.ts';
import type { ImageResolver } from './resolve/resolver.ts';
import { toCycloneDx } from './sbom/cyclonedx.ts';
import { gatherSboms } from './sbom/image-sboms.ts';
import { mergeSpdx } from './sbom/merge-spdx.ts';
import { StepClock } from './step-clock.ts';
import { writeFormats } from './write-formats.ts';
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
  /** A file beside the outputs for the same list. @default none */
  readonly spdx?: string;
  /** A file beside the outputs for the same list as CycloneDX. @default none */
  readonly cycloneDx?: string;
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

/**
 * Reads the description of an image, checks it, and composes and writes the image in all asked formats. The resolver
 * is closed at the end.
 */
export async function buildImage(options: BuildOptions): Promise<BuildReport> {
  const { outputs, formats, resolver } = options;
  const clock = new StepClock(options.nowMs);
  try {
    const loaded = await clock.time('read', () => loadDescription(options));
    requireKernel(loaded.yaml, formats);
    requireDistinctOutputs(formats, options.name);
    const references = imageReferences(loaded.yaml);
    await clock.time('resolve', () => resolveImages(references, options));
    const plan = planRootfs({
      yaml: loaded.yaml,
      image: (reference) => resolver.get(reference),
      readSource: (source) => readSource(source, options.sources),
      metadata: (kind) => metadata(kind, loaded, resolver),
      decompressKernel: options.decompressKernel ?? false,
    });
    const document = mergeSpdx(
      await gatherSboms(
        plan,
        references.map((reference) => resolver.get(reference)),
      ),
      {
        name: options.name,
        ...(options.sbomCreatedMs === undefined ? {} : { createdMs: options.sbomCreatedMs }),
      },
    );
    await writeFormats(plan, { sbom: sbomEntries(document, options.sbom), options, clock });
    if (options.spdx !== undefined) await outputs.write(options.spdx, bytesBody(jsonBytes(document)));
    if (options.cycloneDx !== undefined) {
      await outputs.write(options.cycloneDx, bytesBody(jsonBytes(toCycloneDx(document))));
    }
    const finished = await outputs.commit();
    return {
      outputs: finished,
      steps: clock.steps,
      images: uniqueImages(references, resolver),
    };
  } finally {
    await resolver.close();
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
export function imageReferences(yaml: ImageYaml): readonly Placed<string>[] {
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

function sbomEntries(document: SpdxDocument, path: string | false = SBOM_FILE): readonly ArchiveEntry[] {
  return path === false ? [] : [fileEntry(path.replace(/^\/+/, ''), jsonBytes(document), {})];
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}
