import type { ReportProgress } from '@orlop/core';
import { type ImageConfig, writeImage } from '@orlop/oci';
import { type DebianArchive, readDebianArchive } from './apt/machine.ts';
import {
  type BuildPlace,
  type BuildTarget,
  type BuiltComponent,
  buildOnce,
  type MadeImage,
} from './build-once.ts';
import { componentContent } from './component-content.ts';
import { componentLabels } from './component-labels.ts';
import { type ComponentDefinition, repositoryOf } from './definition/definition.ts';
import { CREATED, spdxDocument } from './spdx.ts';

export interface BuildRequest extends BuildPlace {
  readonly definition: ComponentDefinition;
  /** @default what the machine's apt configuration says, read when it is needed */
  readonly archive?: DebianArchive | undefined;
  /** Fetch the archive's indexes anew, and build in any case. @default false */
  readonly refresh?: boolean | undefined;
  readonly progress: ReportProgress;
}

const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Builds a component's image for one platform into the store, as {@link buildOnce} does. Twice the same definition and
 * packages give the same digest.
 *
 * @throws OrlopError `debian.*`, `oci.*`; nothing is named in the store then.
 */
export async function buildComponent(request: BuildRequest): Promise<BuiltComponent> {
  const force = request.force === true || request.refresh === true;
  return await buildOnce(request.definition, { ...request, force }, (target) => makeImage(request, target));
}

async function makeImage(
  request: BuildRequest,
  { architecture, hash, reference }: BuildTarget,
): Promise<MadeImage> {
  const { definition, store, stateFolder, progress, signal, refresh } = request;
  const archive = request.archive ?? (await readDebianArchive({ signal }));
  const content = await componentContent({
    ...{ definition, architecture, archive, stateFolder, progress, signal, refresh },
  });
  const task = `build ${repositoryOf(definition)} (${architecture})`;
  progress({ task, done: 0, total: 1, unit: 'items' });
  const manifest = await writeImage(store, {
    platform: { os: 'linux', architecture },
    config: imageConfig(definition, hash),
    layers: [content.layer],
    signal,
  });
  progress({ task, done: 1, total: 1, unit: 'items', finished: true });
  const packages = content.packages();
  const { suite } = definition.debian;
  const document = spdxDocument({ reference, suite, architecture, imageDigest: manifest.digest, packages });
  return { manifest, document, packages };
}

/** OCI image-spec, config.md. */
function imageConfig(
  definition: ComponentDefinition,
  hash: string,
): Pick<ImageConfig, 'created' | 'config' | 'history'> {
  const { debian } = definition;
  const environment = debian.environment ?? (debian.layout === 'merged' ? [DEFAULT_PATH] : []);
  return {
    created: CREATED,
    config: {
      ...(debian.user === undefined ? {} : { User: debian.user }),
      ...(environment.length === 0 ? {} : { Env: environment }),
      ...(debian.entrypoint === undefined ? {} : { Entrypoint: debian.entrypoint }),
      ...(debian.command === undefined ? {} : { Cmd: debian.command }),
      WorkingDir: debian.workingFolder ?? '/',
      ...(debian.stopSignal === undefined ? {} : { StopSignal: debian.stopSignal }),
      Labels: componentLabels(definition, hash),
    },
    history: [{ created: CREATED, created_by: `orlop pkg build ${definition.image}` }],
  };
}
