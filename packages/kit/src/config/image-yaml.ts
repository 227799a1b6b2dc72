import {
  boolean,
  checked,
  choice,
  listOf,
  mapOf,
  object,
  type Placed,
  placed,
  problem,
  type Reader,
  refine,
  string,
  type ValueOf,
} from '../yaml/shape.ts';
import { imageConfigShape, octalMode, userId } from './image-shape.ts';
import { referenceProblem } from './reference-problem.ts';
import { dependsOn, health, onFailure, restart } from './supervision-shape.ts';

/** A reference as written, before it is expanded and substituted. */
const reference: Reader<Placed<string>> = placed(checked(referenceProblem));

/** runc's rule for ids (the name becomes one), which also keeps a name from leaving its folder. */
const containerName = placed(
  checked((text) =>
    /^[A-Za-z0-9_+.-]{1,200}$/.test(text) && text !== '.' && text !== '..'
      ? undefined
      : `"${text}" is no container name: it takes letters, digits, "_", "+", "-" and "."`,
  ),
);

const bootContainer = object({ ...imageConfigShape, name: containerName, image: reference, onFailure }, [
  'name',
  'image',
]);

const service = object(
  { ...imageConfigShape, name: containerName, image: reference, restart, dependsOn, health, onFailure },
  ['name', 'image'],
);

const kernel = object({
  image: reference,
  cmdline: string,
  binary: string,
  tar: string,
  ucode: string,
});

const fileShape = object(
  {
    path: checked(filePathProblem),
    directory: boolean,
    symlink: string,
    contents: string,
    source: string,
    metadata: string,
    optional: boolean,
    mode: octalMode,
    uid: placed(userId),
    gid: placed(userId),
  },
  [],
);

/** A file of the section `files`: exactly one of the ways to give its content. */
const file = placed(
  refine(fileShape, (value, node, at) => {
    const path = value.path;
    if (path === undefined) {
      return node.kind === 'map' && node.entries.some((entry) => entry.key === 'path')
        ? undefined
        : problem(node, at, 'did not specify path for file');
    }
    const message = fileProblem(path, value);
    return message === undefined ? { ...value, path } : problem(node, at, message);
  }),
);

function fileProblem(path: string, value: ValueOf<typeof fileShape>): string | undefined {
  const { contents, source, metadata, symlink, directory } = value;
  if (metadata !== undefined && metadata !== 'yaml' && metadata !== 'json') {
    return `unsupported metadata type: ${metadata}`;
  }
  if (directory && contents !== undefined) return 'directory with contents not allowed';
  const given = [
    ...(contents === undefined ? [] : ['contents']),
    ...(source === undefined ? [] : ['source']),
    ...(metadata === undefined ? [] : ['metadata']),
    ...(symlink === undefined ? [] : ['symlink']),
    ...(directory ? ['directory'] : []),
  ];
  const [first, second] = given;
  if (first === undefined) return `contents of file (${path}) not specified`;
  return second === undefined ? undefined : `specified ${first} and ${second} for file: ${path}`;
}

function filePathProblem(text: string): string | undefined {
  const parts = text.split('/').filter((part) => part !== '');
  if (parts.length === 0) return 'did not specify path for file';
  if (parts.includes('..')) return `"${text}" has a ".." in it`;
  return text.includes('\0') ? 'the path has a NUL in it' : undefined;
}

const volumeName = placed(
  checked((text) => (/^[a-z0-9_-]+$/.test(text) ? undefined : `invalid volume name: ${text}`)),
);

const platform = checked((text) =>
  /^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9]+)?$/.test(text)
    ? undefined
    : `"${text}" is no platform: it takes the form os/architecture[/variant]`,
);

const volume = placed(
  refine(
    object(
      {
        name: volumeName,
        image: reference,
        readonly: boolean,
        format: choice('filesystem', 'oci'),
        platforms: listOf(platform),
      },
      ['name'],
    ),
    (value, node, at) => {
      if (value.format === 'oci' && value.image === undefined) {
        return problem(node, at, `the volume ${value.name.value} has the format oci but no image`);
      }
      if (value.platforms !== undefined && value.format !== 'oci') {
        return problem(node, at, '"platforms" goes only with the format "oci"');
      }
      return value;
    },
  ),
);

/** LinuxKit's whole schema (its `moby/schema.go`), and the keys that are Orlop's own. */
export const readImageYaml = object({
  kernel,
  init: listOf(reference),
  onboot: listOf(bootContainer),
  onshutdown: listOf(bootContainer),
  services: listOf(service),
  files: listOf(file),
  volumes: listOf(volume),
  trust: object({ image: listOf(string), org: listOf(string) }),
});

export type ImageYaml = ValueOf<typeof readImageYaml>;
export type KernelYaml = ValueOf<typeof kernel>;
export type BootContainerYaml = ValueOf<typeof bootContainer>;
export type ServiceYaml = ValueOf<typeof service>;
export type ContainerYaml = BootContainerYaml | ServiceYaml;
export type FileYaml = ValueOf<typeof file>;
export type VolumeYaml = ValueOf<typeof volume>;

/** The top-level keys that are taken away before the schema is applied (docs/design: variables, includes). */
export const readVariables: Reader<Readonly<Record<string, string | null>>> = mapOf((node, at) => {
  if (node.kind === 'scalar') return node.value === null ? null : String(node.value);
  return problem(node, at, 'a variable takes a text, or nothing when it has no default');
});
export const readIncludes = listOf(placed(string));
