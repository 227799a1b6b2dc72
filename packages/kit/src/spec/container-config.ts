import type { ImageConfigYaml, RuntimeYaml } from '../config/image-shape.ts';

/** The part of an image's own configuration that a container falls back to. OCI image-spec, config.md. */
export interface ImageDefaults {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
}

/** Fields whose empty text in the YAML does not reset what the label says. */
const TEXTS = [
  'net',
  'pid',
  'ipc',
  'uts',
  'userns',
  'hostname',
  'cwd',
  'rootfsPropagation',
  'cgroupsPath',
] as const;

/**
 * What a container is to be: per field the YAML's word, else the label's, else the image's own (command,
 * environment and working directory only). `runtime` is merged by its fields, `resources` replaced as a whole;
 * `capabilities.add` and `binds.add` add to the label's unless the YAML has the plain key.
 */
export function mergeImageConfig(
  yaml: ImageConfigYaml,
  label: ImageConfigYaml,
  image: ImageDefaults,
): ImageConfigYaml {
  const merged: Record<string, unknown> = { ...label, ...withoutEmptyTexts(yaml) };
  delete merged['capabilities.add'];
  delete merged['binds.add'];
  const capabilities = yaml.capabilities ?? appended(label.capabilities, yaml['capabilities.add']);
  const binds = yaml.binds ?? appended(label.binds, yaml['binds.add']);
  const runtime = mergeRuntime(yaml.runtime, label.runtime);
  const command = yaml.command ?? label.command ?? [...(image.Entrypoint ?? []), ...(image.Cmd ?? [])];
  const cwd =
    [yaml.cwd, label.cwd, image.WorkingDir].find((text) => text !== undefined && text !== '') ?? '/';
  return {
    ...(merged as ImageConfigYaml),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(binds === undefined ? {} : { binds }),
    ...(runtime === undefined ? {} : { runtime }),
    command,
    env: yaml.env ?? label.env ?? image.Env ?? [],
    cwd,
  };
}

function withoutEmptyTexts(yaml: ImageConfigYaml): ImageConfigYaml {
  const empty = new Set<string>(TEXTS.filter((key) => yaml[key] === ''));
  return Object.fromEntries(Object.entries(yaml).filter(([key]) => !empty.has(key)));
}

function appended<T>(
  own: readonly T[] | undefined,
  added: readonly T[] | undefined,
): readonly T[] | undefined {
  return added === undefined ? own : [...(own ?? []), ...added];
}

function mergeRuntime(
  yaml: RuntimeYaml | undefined,
  label: RuntimeYaml | undefined,
): RuntimeYaml | undefined {
  if (yaml === undefined || label === undefined) return yaml ?? label;
  const bindNS = { ...label.bindNS, ...yaml.bindNS };
  return { ...label, ...yaml, ...(Object.keys(bindNS).length === 0 ? {} : { bindNS }) };
}
