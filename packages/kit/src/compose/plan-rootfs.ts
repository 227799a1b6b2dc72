import type { Problem } from '@orlop/core';
import type { ContainerYaml, FileYaml, ImageYaml, KernelYaml, ServiceYaml } from '../config/image-yaml.ts';
import { kitError } from '../errors.ts';
import { mergeImageConfig } from '../spec/container-config.ts';
import { goJson, type JsonValue } from '../spec/go-json.ts';
import { ociSpec, resolveId } from '../spec/oci-spec.ts';
import { bindMounts, overlayMounts, runtimeConfig } from '../spec/runtime-config.ts';
import type { Placed } from '../yaml/shape.ts';
import { bootFolder, serviceFolder, volumeMountPoint } from './layout-paths.ts';
import { readLabel } from './read-label.ts';
import type {
  ComposeImage,
  ContainerPlan,
  FileContent,
  FilePlan,
  KernelPlan,
  RootfsPlan,
  VolumePlan,
} from './rootfs-plan.ts';

export interface PlanOptions {
  readonly yaml: ImageYaml;
  /** The image of a reference as written; every one of them was resolved before. */
  readonly image: (reference: Placed<string>) => ComposeImage;
  /** The content of a file that takes it from the host; undefined when it is optional and not there. */
  readonly readSource: (path: string) => FileContent | undefined;
  /** The description itself, for files with `metadata`. */
  readonly metadata: (kind: string) => string;
  /** @default false */
  readonly decompressKernel?: boolean;
}

/** Ids below are those of Debian's and Alpine's system accounts. */
const FIRST_ID = 100;

/**
 * Decides everything about the root file system.
 * @throws OrlopError `kit.invalid-label` with all problems of all labels
 */
export function planRootfs(options: PlanOptions): RootfsPlan {
  const { yaml } = options;
  const ids = allotIds(yaml);
  const problems: Problem[] = [];
  const planner = new ContainerPlanner(options, ids, problems);
  const containers = [
    ...(['onboot', 'onshutdown'] as const).flatMap((section) =>
      (yaml[section] ?? []).map((container, index) =>
        planner.plan(container, {
          folder: bootFolder(section, index, container.name.value),
          location: `${section}[${index}]`,
        }),
      ),
    ),
    ...(yaml.services ?? []).map((service, index) =>
      planner.plan(service, {
        folder: serviceFolder(service.name.value),
        location: `services[${index}]`,
      }),
    ),
  ];
  if (problems.length > 0) {
    throw kitError('kit.invalid-label', 'invalid configuration label: an image asks for what cannot be', {
      problems,
    });
  }
  const kernel = kernelPlan(yaml.kernel, options);
  return {
    ...(kernel === undefined ? {} : { kernel }),
    init: (yaml.init ?? []).map(options.image),
    volumes: (yaml.volumes ?? []).map((volume, index) => volumePlan(volume.value, index, options)),
    containers,
    files: (yaml.files ?? []).flatMap((file, index) => filePlan(file, index, { options, ids })),
  };
}

/** Every container gets an id of its own, in order; where a name stands twice the last one counts. */
function allotIds(yaml: ImageYaml): Map<string, number> {
  const ids = new Map<string, number>();
  const all = [...(yaml.onboot ?? []), ...(yaml.onshutdown ?? []), ...(yaml.services ?? [])];
  for (const [index, container] of all.entries()) ids.set(container.name.value, FIRST_ID + index);
  return ids;
}

function kernelPlan(kernel: KernelYaml | undefined, options: PlanOptions): KernelPlan | undefined {
  if (kernel?.image === undefined) return undefined;
  const tar = kernel.tar ?? 'kernel.tar';
  return {
    image: options.image(kernel.image),
    cmdline: kernel.cmdline ?? '',
    binary: kernel.binary === undefined || kernel.binary === '' ? 'kernel' : kernel.binary,
    ...(tar === '' || tar === 'none' ? {} : { tar }),
    ...(kernel.ucode === undefined || kernel.ucode === '' ? {} : { ucode: kernel.ucode }),
    decompress: options.decompressKernel ?? false,
  };
}

type VolumeFields = NonNullable<ImageYaml['volumes']>[number]['value'];

function volumePlan(volume: VolumeFields, index: number, options: PlanOptions): VolumePlan {
  return {
    name: volume.name.value,
    location: `volume[${index}]`,
    ...(volume.image === undefined ? {} : { image: options.image(volume.image) }),
    format: volume.format ?? 'filesystem',
    ...(volume.platforms === undefined || volume.platforms.length === 0
      ? {}
      : { platforms: volume.platforms }),
    readonly: volume.readonly ?? false,
  };
}

class ContainerPlanner {
  readonly #options: PlanOptions;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #problems: Problem[];
  /** The root of the first container of each image: the others use it too. */
  readonly #roots = new Map<string, string>();

  constructor(options: PlanOptions, ids: ReadonlyMap<string, number>, problems: Problem[]) {
    this.#options = options;
    this.#ids = ids;
    this.#problems = problems;
  }

  plan(yaml: ContainerYaml, place: { folder: string; location: string }): ContainerPlan {
    const { folder, location } = place;
    const image = this.#options.image(yaml.image);
    const volumes = new Map((this.#options.yaml.volumes ?? []).map(({ value }) => [value.name.value, value]));
    const label = readLabel(image, { volumes, ids: this.#ids });
    this.#problems.push(...label.problems);
    const config =
      label.problems.length === 0 ? mergeImageConfig(yaml, label.config, image.defaults) : { command: [] };
    const readonly = config.readonly ?? false;
    const ownRoot = `${folder}/${readonly ? 'rootfs' : 'lower'}`;
    const root = this.#roots.get(image.reference) ?? ownRoot;
    this.#roots.set(image.reference, root);
    const rootMounts = readonly ? bindMounts(folder, root) : overlayMounts(folder, root);
    const orlop = supervision(yaml);
    return {
      folder,
      location,
      image,
      readonly,
      ...(root === ownRoot ? { extractTo: ownRoot } : {}),
      configJson: goJson(ociSpec(config, { ids: this.#ids, volumePath: volumeMountPoint })),
      runtimeJson: goJson(runtimeConfig(config.runtime ?? {}, rootMounts)),
      ...(orlop === undefined ? {} : { orlopJson: `${JSON.stringify(orlop, null, 2)}\n` }),
    };
  }
}

/** What `orlop.json` says, or undefined where the description asks for nothing of the kind. */
function supervision(yaml: ContainerYaml): JsonValue | undefined {
  const { restart, dependsOn, health, onFailure } = yaml as Partial<ServiceYaml>;
  if (restart === undefined && dependsOn === undefined && health === undefined && onFailure === undefined) {
    return undefined;
  }
  return {
    restart: restart && { ...restart },
    dependsOn: dependsOn?.map(({ value }) => ({ ...value })),
    health: health && { ...health },
    onFailure,
  };
}

function filePlan(
  { value }: FileYaml,
  index: number,
  { options, ids }: { options: PlanOptions; ids: ReadonlyMap<string, number> },
): readonly FilePlan[] {
  const content = fileContent(value, options);
  if (content === undefined) {
    if (value.optional) return [];
    throw kitError('kit.file-changed', `source ${value.source} went away after it was checked`);
  }
  const path = value.path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
  const byDefault = content.kind === 'directory' ? 0o700 : content.kind === 'symlink' ? 0o777 : 0o600;
  return [
    {
      location: `files[${index}]`,
      path,
      mode: value.mode === undefined ? byDefault : Number.parseInt(value.mode, 8) & 0o7777,
      uid: resolveId(value.uid, ids),
      gid: resolveId(value.gid, ids),
      content,
    },
  ];
}

function fileContent(value: FileYaml['value'], options: PlanOptions): FileContent | undefined {
  if (value.directory) return { kind: 'directory' };
  if (value.symlink !== undefined) return { kind: 'symlink', target: value.symlink };
  if (value.source !== undefined) return options.readSource(value.source);
  const text = value.metadata === undefined ? (value.contents ?? '') : options.metadata(value.metadata);
  return { kind: 'bytes', bytes: new TextEncoder().encode(text) };
}
