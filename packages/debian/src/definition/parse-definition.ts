import { basename, dirname, resolve } from 'node:path';
import type { Problem } from '@orlop/core';
import { parseDebianSection } from './debian-section.ts';
import { type AnyComponent, ARCHITECTURES, type Architecture, type DebianSection } from './definition.ts';
import { YamlReader, type YamlValue } from './yaml-reader.ts';

export interface ParsedDefinition {
  /** Absent when there are problems. */
  readonly definition?: AnyComponent;
  readonly problems: readonly Problem[];
}

/**
 * Reads a build.yml.
 *
 * @param file - absolute path; relative paths in the text start at its folder.
 */
export function parseDefinition(file: string, text: string): ParsedDefinition {
  const reader = new YamlReader(file, text);
  const folder = dirname(file);
  if (reader.problems.length > 0) return { problems: reader.problems };
  let image: string | undefined;
  let organisation = 'orlop';
  let tag = '{{.Hash}}';
  let architectures: readonly Architecture[] = ARCHITECTURES;
  let extraSources: readonly { readonly from: string; readonly to: string }[] = [];
  let source: string | undefined;
  let config: Readonly<Record<string, unknown>> | undefined;
  let debian: DebianSection | undefined;
  let dockerfile = 'Dockerfile';
  let buildArguments: readonly string[] = [];
  let network = false;
  const dockerfileKeys: YamlValue[] = [];
  const ignoredSwitch = (value: YamlValue) => void reader.boolean(value);
  reader.fields(
    reader.root,
    {
      image: (value) => {
        image = readName(reader, value);
      },
      org: (value) => {
        organisation = readName(reader, value, { host: true }) ?? organisation;
      },
      tag: (value) => {
        tag = readTag(reader, value) ?? tag;
      },
      arches: (value) => {
        architectures = reader.items(value).flatMap((item) => reader.oneOf(item, ARCHITECTURES) ?? []);
        if (architectures.length === 0) reader.note(value, 'arches must name at least one architecture');
      },
      'extra-sources': (value) => {
        // LinuxKit's form is `source:destination`; the destination is a place in Docker's build context.
        extraSources = reader.strings(value).map((text) => {
          const [from = text, to = basename(from)] = text.split(':');
          return { from: resolve(folder, from), to };
        });
      },
      gitrepo: (value) => {
        source = reader.string(value);
      },
      network: (value) => {
        network = reader.boolean(value) ?? network;
      },
      'disable-cache': ignoredSwitch,
      config: (value) => {
        config = readConfig(reader, value);
      },
      debian: (value) => {
        debian = parseDebianSection(reader, value, folder);
      },
      dockerfile: (value) => {
        dockerfileKeys.push(value);
        dockerfile = reader.string(value) ?? dockerfile;
      },
      buildArgs: (value) => {
        dockerfileKeys.push(value);
        buildArguments = reader.items(value).flatMap((item) => readBuildArgument(reader, item) ?? []);
      },
      depends: (value) => {
        dockerfileKeys.push(value);
        if (debian === undefined)
          reader.note(
            value,
            'depends: Orlop puts no images into a build context; use COPY --from in the Dockerfile',
          );
      },
    },
    ['image'],
  );
  if (debian !== undefined) {
    for (const value of dockerfileKeys) {
      reader.note(value, `${value.path} belongs to a build by Dockerfile, beside debian it has no meaning`);
    }
  }
  if (reader.problems.length > 0 || image === undefined) return { problems: reader.problems };
  const names = {
    ...{ folder, file, image, organisation, tag, architectures },
    extraSources: extraSources.map(({ from }) => from),
    ...(source === undefined ? {} : { source }),
    ...(config === undefined ? {} : { config }),
  };
  if (debian !== undefined) return { problems: [], definition: { ...names, debian } };
  const section = { name: dockerfile, buildArguments, network, context: extraSources };
  return { problems: [], definition: { ...names, dockerfile: section } };
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
