import { dirname, resolve } from 'node:path';
import type { Problem } from '@orlop/core';
import { parseDebianSection } from './debian-section.ts';
import {
  ARCHITECTURES,
  type Architecture,
  type ComponentDefinition,
  type DebianSection,
} from './definition.ts';
import { YamlReader, type YamlValue } from './yaml-reader.ts';

export interface ParsedDefinition {
  /** Absent when there are problems. */
  readonly definition?: ComponentDefinition;
  readonly problems: readonly Problem[];
  /** True when the file describes a build by Dockerfile instead. */
  readonly byDockerfile: boolean;
}

/**
 * Reads a build.yml.
 *
 * @param file - absolute path; relative paths in the text start at its folder.
 */
export function parseDefinition(file: string, text: string): ParsedDefinition {
  const reader = new YamlReader(file, text);
  const folder = dirname(file);
  if (reader.problems.length > 0) return { problems: reader.problems, byDockerfile: false };
  let image: string | undefined;
  let organisation = 'orlop';
  let tag = '{{.Hash}}';
  let architectures: readonly Architecture[] = ARCHITECTURES;
  let extraSources: readonly string[] = [];
  let source: string | undefined;
  let config: Readonly<Record<string, unknown>> | undefined;
  let debian: DebianSection | undefined;
  const dockerfileKeys: YamlValue[] = [];
  const ignoredSwitch = (value: YamlValue) => void reader.boolean(value);
  reader.fields(
    reader.root,
    {
      image: (value) => {
        image = readName(reader, value);
      },
      org: (value) => {
        organisation = readName(reader, value) ?? organisation;
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
        extraSources = reader.strings(value).map((text) => resolve(folder, text.split(':')[0] ?? text));
      },
      gitrepo: (value) => {
        source = reader.string(value);
      },
      network: ignoredSwitch,
      'disable-cache': ignoredSwitch,
      config: (value) => {
        config = readConfig(reader, value);
      },
      debian: (value) => {
        debian = parseDebianSection(reader, value, folder);
      },
      dockerfile: (value) => void dockerfileKeys.push(value),
      buildArgs: (value) => void dockerfileKeys.push(value),
      depends: (value) => void dockerfileKeys.push(value),
    },
    ['image'],
  );
  const byDockerfile = debian === undefined && reader.problems.length === 0;
  if (!byDockerfile) {
    for (const value of dockerfileKeys) {
      reader.note(value, `${value.path} belongs to a build by Dockerfile, beside debian it has no meaning`);
    }
  }
  if (reader.problems.length > 0 || image === undefined || debian === undefined) {
    return { problems: reader.problems, byDockerfile };
  }
  return {
    problems: [],
    byDockerfile: false,
    definition: {
      folder,
      file,
      image,
      organisation,
      tag,
      architectures,
      extraSources,
      ...(source === undefined ? {} : { source }),
      ...(config === undefined ? {} : { config }),
      debian,
    },
  };
}

/** One or more parts of a repository's name. OCI distribution-spec, "Pulling manifests". */
function readName(reader: YamlReader, value: YamlValue): string | undefined {
  const text = reader.string(value);
  if (text === undefined) return undefined;
  const part = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
  if (new RegExp(`^${part}(?:/${part})*$`).test(text)) return text;
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
  return reader.object(value);
}
