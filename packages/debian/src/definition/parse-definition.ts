import { basename, dirname, resolve } from 'node:path';
import { ARCHITECTURES, type Architecture, type Problem } from '@orlop/core';
import { parseDebianSection } from './debian-section.ts';
import type { AnyComponent, DebianSection, DockerfileSection } from './definition.ts';
import { type FieldReaders, YamlReader, type YamlValue } from './yaml-reader.ts';

export interface ParsedDefinition {
  /** Absent when there are problems. */
  readonly definition?: AnyComponent;
  readonly problems: readonly Problem[];
}

/** A definition under construction. */
interface Draft {
  image: string | undefined;
  organisation: string;
  tag: string;
  architectures: readonly Architecture[];
  extraSources: DockerfileSection['context'];
  source: string | undefined;
  config: Readonly<Record<string, unknown>> | undefined;
  debian: DebianSection | undefined;
  dockerfile: string;
  buildArguments: readonly string[];
  network: boolean;
  /** The fields that say how Docker builds it. */
  dockerfileFields: readonly YamlValue[];
}

interface DefinitionContext {
  readonly reader: YamlReader;
  readonly draft: Draft;
  /** What relative paths start at. */
  readonly folder: string;
}

/**
 * Reads a build.yml.
 *
 * @param file - absolute path; relative paths in the text start at its folder.
 */
export function parseDefinition(file: string, text: string): ParsedDefinition {
  const reader = new YamlReader(file, text);
  if (reader.problems.length > 0) return { problems: reader.problems };
  const folder = dirname(file);
  const draft: Draft = {
    image: undefined,
    organisation: 'orlop',
    tag: '{{.Hash}}',
    architectures: ARCHITECTURES,
    extraSources: [],
    source: undefined,
    config: undefined,
    debian: undefined,
    dockerfile: 'Dockerfile',
    buildArguments: [],
    network: false,
    dockerfileFields: [],
  };
  const context = { reader, draft, folder };
  const readers = { ...nameFields(context), ...buildFields(context), ...dockerfileFields(context) };
  reader.fields(reader.root, readers, ['image']);
  if (draft.debian !== undefined) {
    for (const field of draft.dockerfileFields) {
      reader.note(field, `${field.path} belongs to a build by Dockerfile, beside debian it has no meaning`);
    }
  }
  const { image, organisation, tag, architectures, extraSources, source, config, debian } = draft;
  if (reader.problems.length > 0 || image === undefined) return { problems: reader.problems };
  const names = {
    ...{ folder, file, image, organisation, tag, architectures },
    extraSources: extraSources.map(({ from }) => from),
    ...(source === undefined ? {} : { source }),
    ...(config === undefined ? {} : { config }),
  };
  if (debian !== undefined) return { problems: [], definition: { ...names, debian } };
  const { dockerfile: name, buildArguments, network } = draft;
  const dockerfile = { name, buildArguments, network, context: extraSources };
  return { problems: [], definition: { ...names, dockerfile } };
}

/** What the image is called, and for what and of what it is. */
function nameFields({ reader, draft, folder }: DefinitionContext): FieldReaders {
  return {
    image: (field) => {
      draft.image = readName(reader, field);
    },
    org: (field) => {
      draft.organisation = readName(reader, field, { host: true }) ?? draft.organisation;
    },
    tag: (field) => {
      draft.tag = readTag(reader, field) ?? draft.tag;
    },
    arches: (field) => {
      draft.architectures = reader.items(field).flatMap((item) => reader.oneOf(item, ARCHITECTURES) ?? []);
      if (draft.architectures.length === 0) reader.note(field, 'arches must name at least one architecture');
    },
    'extra-sources': (field) => {
      // LinuxKit's form is `source:destination`; the destination is a place in Docker's build context.
      draft.extraSources = reader.strings(field).map((text) => {
        const [from = text, to = basename(from)] = text.split(':');
        return { from: resolve(folder, from), to };
      });
    },
    gitrepo: (field) => {
      draft.source = reader.string(field);
    },
  };
}

function buildFields({ reader, draft, folder }: DefinitionContext): FieldReaders {
  return {
    network: (field) => {
      draft.network = reader.boolean(field) ?? draft.network;
    },
    // Of LinuxKit's own builds.
    'disable-cache': (field) => void reader.boolean(field),
    config: (field) => {
      draft.config = readConfig(reader, field);
    },
    debian: (field) => {
      draft.debian = parseDebianSection(reader, field, folder);
    },
  };
}

function dockerfileFields({ reader, draft }: DefinitionContext): FieldReaders {
  const note = (field: YamlValue) => {
    draft.dockerfileFields = [...draft.dockerfileFields, field];
  };
  return {
    dockerfile: (field) => {
      note(field);
      draft.dockerfile = reader.string(field) ?? draft.dockerfile;
    },
    buildArgs: (field) => {
      note(field);
      draft.buildArguments = reader.items(field).flatMap((item) => readBuildArgument(reader, item) ?? []);
    },
    depends: (field) => {
      note(field);
      if (draft.debian !== undefined) return;
      reader.note(
        field,
        'depends: Orlop puts no images into a build context; use COPY --from in the Dockerfile',
      );
    },
  };
}

/** `KEY=VALUE`; of LinuxKit's templates the one for a package's tag is filled in when it is built. */
function readBuildArgument(reader: YamlReader, value: YamlValue): string | undefined {
  const text = reader.string(value);
  if (text === undefined) return undefined;
  if (!/^[A-Za-z_][A-Za-z0-9_]*=/.test(text)) {
    return reader.note(value, `${value.path} "${text}" is no build argument: KEY=VALUE`);
  }
  if (/=@lkt:(?!pkg:)/.test(text)) {
    return reader.note(value, `${value.path} "${text}": of the templates only @lkt:pkg:FOLDER is known`);
  }
  return text;
}

/** One or more parts of a repository's name, maybe behind a registry's host. OCI distribution-spec, "Pulling manifests". */
function readName(
  reader: YamlReader,
  value: YamlValue,
  { host = false }: { readonly host?: boolean } = {},
): string | undefined {
  const text = reader.string(value);
  if (text === undefined) return undefined;
  const part = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
  const registry = host ? '(?:[a-z0-9][a-z0-9.-]*(?::\\d+)?/)?' : '';
  if (new RegExp(`^${registry}${part}(?:/${part})*$`).test(text)) return text;
  return reader.note(
    value,
    `${value.path} "${text}" is no repository name: lower-case letters, digits, . _ - and /`,
  );
}

function readTag(reader: YamlReader, value: YamlValue): string | undefined {
  const text = reader.string(value);
  if (text === undefined) return undefined;
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(text.replaceAll('{{.Hash}}', '0'.repeat(40)))) return text;
  return reader.note(value, `tag "${text}" is no tag: letters, digits, _ . - and {{.Hash}}`);
}

/** The label's object; LinuxKit refuses a name and an image in it. */
function readConfig(reader: YamlReader, value: YamlValue): Readonly<Record<string, unknown>> | undefined {
  for (const [key, field] of reader.entries(value)) {
    if (key === 'name' || key === 'image') reader.note(field, `config.${key} is the image YAML's to say`);
  }
  const config = reader.object(value);
  const devices = reader.entries(value).find(([key]) => key === 'devices')?.[1];
  if (config === undefined || devices === undefined) return config;
  return { ...config, devices: reader.items(devices).map((device) => readDevice(reader, device)) };
}

/** Its mode is text: LinuxKit takes the digits as they are written, in quotes or not. */
function readDevice(reader: YamlReader, value: YamlValue): Readonly<Record<string, unknown>> | undefined {
  const device = reader.object(value);
  const mode = device && reader.entries(value).find(([key]) => key === 'mode')?.[1];
  return mode === undefined ? device : { ...device, mode: reader.written(mode) };
}
