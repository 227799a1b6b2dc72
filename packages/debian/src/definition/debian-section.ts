import { CAPABILITIES } from '@orlop/core';
import { readGroup, readUser } from './accounts.ts';
import { ARCHIVE_AREAS, type Assignment, type DebianSection } from './definition.ts';
import { readDirectory, readFile, readSymlink } from './file-entries.ts';
import { readKernel } from './kernel-section.ts';
import { readGlob, readMatching, readMode, readOwner, readPath, splitRestriction } from './words.ts';
import type { FieldReaders, YamlReader, YamlValue } from './yaml-reader.ts';

/** A section under construction. */
type Draft = { -readonly [Key in keyof DebianSection]: DebianSection[Key] };

interface SectionContext {
  readonly reader: YamlReader;
  readonly draft: Draft;
  /** What relative paths start at. */
  readonly folder: string;
}

/** Reads `debian:`; what is wrong is noted in the reader. */
export function parseDebianSection(reader: YamlReader, value: YamlValue, folder: string): DebianSection {
  const draft: Draft = {
    suite: 'trixie',
    areas: [],
    packages: [],
    without: [],
    layout: 'merged',
    only: [],
    drop: [],
    keep: [],
    renames: new Map(),
    files: [],
    symlinks: [],
    directories: [],
    users: [],
    groups: [],
    modes: [],
    owners: [],
    capabilities: [],
  };
  const context = { reader, draft, folder };
  reader.fields(value, {
    ...packageFields(context),
    ...ownFields(context),
    ...attributeFields(context),
    ...startFields(context),
  });
  return draft;
}

/** What is taken from Debian's archive. */
function packageFields({ reader, draft }: SectionContext): FieldReaders {
  const names = listOf(reader, (item) => splitRestriction(reader, item, /^[a-z0-9][a-z0-9+.-]+$/));
  const globs = listOf(reader, (item) => readGlob(reader, item, reader.string(item)));
  return {
    suite: (field) => {
      draft.suite =
        readMatching(reader, field, /^[a-z][a-z0-9-]*$/, "a release's name, e.g. trixie") ?? draft.suite;
    },
    areas: (field) => {
      draft.areas = reader.items(field).flatMap((item) => reader.oneOf(item, ARCHIVE_AREAS) ?? []);
    },
    packages: (field) => {
      draft.packages = names(field);
    },
    without: (field) => {
      draft.without = names(field);
    },
    layout: (field) => {
      draft.layout = reader.oneOf(field, ['merged', 'split']) ?? draft.layout;
    },
    only: (field) => {
      draft.only = globs(field);
    },
    drop: (field) => {
      draft.drop = globs(field);
    },
    keep: (field) => {
      draft.keep = globs(field);
    },
    renames: (field) => {
      draft.renames = new Map(
        reader.entries(field).flatMap(([from, item]) => {
          const to = readPath(reader, item);
          return to === undefined ? [] : [[from.replace(/^\/+/, ''), to] as const];
        }),
      );
    },
  };
}

/** What the definition adds itself. */
function ownFields({ reader, draft, folder }: SectionContext): FieldReaders {
  return {
    files: (field) => {
      draft.files = listOf(reader, (item) => readFile(reader, item, folder))(field);
    },
    symlinks: (field) => {
      draft.symlinks = listOf(reader, (item) => readSymlink(reader, item, folder))(field);
    },
    directories: (field) => {
      draft.directories = listOf(reader, (item) => readDirectory(reader, item))(field);
    },
    users: (field) => {
      draft.users = listOf(reader, (item) => readUser(reader, item))(field);
    },
    groups: (field) => {
      draft.groups = listOf(reader, (item) => readGroup(reader, item))(field);
    },
  };
}

/** What is said of paths, whoever brought them, and of the kernel. */
function attributeFields({ reader, draft, folder }: SectionContext): FieldReaders {
  return {
    modes: (field) => {
      draft.modes = readAssignments(reader, field, (item) => readMode(reader, item));
    },
    owners: (field) => {
      draft.owners = readAssignments(reader, field, (item) => readOwner(reader, item));
    },
    capabilities: (field) => {
      draft.capabilities = readAssignments(reader, field, (item) =>
        reader.items(item).flatMap((one) => reader.oneOf(one, CAPABILITIES) ?? []),
      );
    },
    kernel: (field) => {
      draft.kernel = readKernel(reader, field, folder);
    },
  };
}

/** How a container of the image starts. */
function startFields({ reader, draft }: SectionContext): FieldReaders {
  return {
    entrypoint: (field) => {
      draft.entrypoint = reader.strings(field);
    },
    cmd: (field) => {
      draft.command = reader.strings(field);
    },
    env: (field) => {
      draft.environment = listOf(reader, (item) => readMatching(reader, item, /^[^=]+=/s, 'NAME=value'))(
        field,
      );
    },
    workdir: (field) => {
      draft.workingFolder = readMatching(reader, field, /^\//, 'an absolute path') ?? '/';
    },
    user: (field) => {
      draft.user = reader.string(field) ?? '0';
    },
    stopsignal: (field) => {
      draft.stopSignal =
        readMatching(reader, field, /^SIG[A-Z0-9+-]+$/, 'a signal, e.g. SIGTERM') ?? 'SIGTERM';
    },
  };
}

/** A reader of lists; items that are wrong are left out. */
function listOf<Item>(
  reader: YamlReader,
  read: (item: YamlValue) => Item | undefined,
): (field: YamlValue) => readonly Item[] {
  return (field) => reader.items(field).flatMap((item) => read(item) ?? []);
}

function readAssignments<Value>(
  reader: YamlReader,
  field: YamlValue,
  read: (item: YamlValue) => Value | undefined,
): readonly Assignment<Value>[] {
  return reader.entries(field).flatMap(([key, item]) => {
    const pattern = readGlob(reader, item, key);
    const value = read(item);
    return pattern === undefined || value === undefined
      ? []
      : [{ pattern, value, position: reader.position(item) }];
  });
}
