import { resolve } from 'node:path';
import { CAPABILITY_NAMES } from '../layer/capabilities.ts';
import { isGlob } from '../layer/globs.ts';
import {
  ARCHITECTURES,
  ARCHIVE_AREAS,
  type Assignment,
  type DebianSection,
  type DirectoryDefinition,
  type FileContent,
  type FileDefinition,
  type GroupDefinition,
  type Id,
  type KernelSection,
  type Owner,
  type RestrictedName,
  type SymlinkDefinition,
  type UserDefinition,
} from './definition.ts';
import type { YamlReader, YamlValue } from './yaml-reader.ts';

/** A section under construction. */
type Draft = { -readonly [Key in keyof DebianSection]: DebianSection[Key] };

const ROOT: Owner = { user: 0, group: 0 };

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
  const list = <Item>(read: (item: YamlValue) => Item | undefined) => {
    return (field: YamlValue): readonly Item[] => reader.items(field).flatMap((item) => read(item) ?? []);
  };
  const names = list((item) => splitRestriction(reader, item, /^[a-z0-9][a-z0-9+.-]+$/));
  const globs = list((item) => readGlob(reader, item, reader.string(item)));
  reader.fields(value, {
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
    files: (field) => {
      draft.files = list((item) => readFile(reader, item, folder))(field);
    },
    symlinks: (field) => {
      draft.symlinks = list((item) => readSymlink(reader, item, folder))(field);
    },
    directories: (field) => {
      draft.directories = list((item) => readDirectory(reader, item))(field);
    },
    users: (field) => {
      draft.users = list((item) => readUser(reader, item))(field);
    },
    groups: (field) => {
      draft.groups = list((item) => readGroup(reader, item))(field);
    },
    modes: (field) => {
      draft.modes = readAssignments(reader, field, (item) => readMode(reader, item));
    },
    owners: (field) => {
      draft.owners = readAssignments(reader, field, (item) => readOwner(reader, item));
    },
    capabilities: (field) => {
      draft.capabilities = readAssignments(reader, field, (item) =>
        reader.items(item).flatMap((one) => reader.oneOf(one, CAPABILITY_NAMES) ?? []),
      );
    },
    kernel: (field) => {
      draft.kernel = readKernel(reader, field);
    },
    entrypoint: (field) => {
      draft.entrypoint = reader.strings(field);
    },
    cmd: (field) => {
      draft.command = reader.strings(field);
    },
    env: (field) => {
      draft.environment = list((item) => readMatching(reader, item, /^[^=]+=/s, 'NAME=value'))(field);
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
  });
  return draft;
}

/** `name`, or `name [amd64 arm64]`. */
function splitRestriction(reader: YamlReader, item: YamlValue, name: RegExp): RestrictedName | undefined {
  const text = reader.string(item);
  if (text === undefined) return undefined;
  const match = /^(\S+)(?:\s+\[([a-z0-9 ]+)\])?$/.exec(text);
  const architectures = (match?.[2] ?? '').split(' ').filter((word) => word !== '');
  if (match === null || !name.test(match[1] ?? '')) {
    return reader.note(
      item,
      `${item.path} "${text}" must be a name, or a name with architectures: x [amd64 arm64]`,
    );
  }
  const unknown = architectures.find((word) => !(ARCHITECTURES as readonly string[]).includes(word));
  if (unknown !== undefined) {
    return reader.note(
      item,
      `${item.path} names the architecture ${unknown}, which is none of ${ARCHITECTURES.join(', ')}`,
    );
  }
  return { name: match[1] ?? '', architectures, position: reader.position(item) };
}

function readGlob(reader: YamlReader, item: YamlValue, text: string | undefined): string | undefined {
  if (text === undefined || isGlob(text)) return text;
  return reader.note(
    item,
    `${item.path} "${text}" is no pattern: a relative path in which * ? and ** may stand`,
  );
}

/** A place in the image: absolute or relative, without `.` and `..`. */
function readPath(reader: YamlReader, item: YamlValue): string | undefined {
  const text = reader.string(item);
  if (text === undefined) return undefined;
  const path = text.replace(/^\/+/, '').replace(/\/+$/, '');
  if (path !== '' && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'))
    return path;
  return reader.note(item, `${item.path} "${text}" is no path in the image`);
}

function readMode(reader: YamlReader, item: YamlValue): number | undefined {
  const text = readMatching(reader, item, /^[0-7]{3,4}$/, 'an octal mode in quotes, e.g. "0755"');
  return text === undefined ? undefined : Number.parseInt(text, 8);
}

function readMatching(
  reader: YamlReader,
  item: YamlValue,
  pattern: RegExp,
  meaning: string,
): string | undefined {
  const text = reader.string(item);
  if (text === undefined || pattern.test(text)) return text;
  return reader.note(item, `${item.path} "${text}" must be ${meaning}`);
}

/** `user`, `user:group`, by names or numbers. */
function readOwner(reader: YamlReader, item: YamlValue): Owner | undefined {
  const text = readMatching(reader, item, /^[a-z0-9_-]+(:[a-z0-9_-]+)?$/, 'user:group');
  if (text === undefined) return undefined;
  const [user = '', group = user] = text.split(':');
  const id = (word: string): Id => (/^\d+$/.test(word) ? Number(word) : word);
  return { user: id(user), group: id(group) };
}

function readFile(reader: YamlReader, item: YamlValue, folder: string): FileDefinition | undefined {
  let path: string | undefined;
  let mode: number | undefined = 0o644;
  let owner: Owner | undefined = ROOT;
  const contents: FileContent[] = [];
  const before = reader.problems.length;
  reader.fields(
    item,
    {
      path: (field) => {
        path = readPath(reader, field);
      },
      contents: (field) => {
        const text = reader.string(field);
        if (text !== undefined) contents.push({ kind: 'contents', text });
      },
      source: (field) => {
        const text = reader.string(field);
        if (text !== undefined) contents.push({ kind: 'source', path: resolve(folder, text) });
      },
      concatenate: (field) => {
        const pattern = readGlob(reader, field, reader.string(field));
        if (pattern !== undefined) contents.push({ kind: 'concatenate', pattern });
      },
      mode: (field) => {
        mode = readMode(reader, field);
      },
      owner: (field) => {
        owner = readOwner(reader, field);
      },
    },
    ['path'],
  );
  const [content] = contents;
  if (reader.problems.length > before) return undefined;
  if (content === undefined || contents.length > 1) {
    return reader.note(item, `${item.path} must have one of contents, source and concatenate`);
  }
  if (path === undefined || mode === undefined || owner === undefined) return undefined;
  return { path, mode, owner, content, position: reader.position(item) };
}

function readDirectory(reader: YamlReader, item: YamlValue): DirectoryDefinition | undefined {
  let path: string | undefined;
  let mode: number | undefined = 0o755;
  let owner: Owner | undefined = ROOT;
  reader.fields(
    item,
    {
      path: (field) => {
        path = readPath(reader, field);
      },
      mode: (field) => {
        mode = readMode(reader, field);
      },
      owner: (field) => {
        owner = readOwner(reader, field);
      },
    },
    ['path'],
  );
  if (path === undefined || mode === undefined || owner === undefined) return undefined;
  return { path, mode, owner, position: reader.position(item) };
}

function readSymlink(reader: YamlReader, item: YamlValue, folder: string): SymlinkDefinition | undefined {
  let path: string | undefined;
  let within: string | undefined;
  let namesFile: string | undefined;
  let target: string | undefined;
  const before = reader.problems.length;
  reader.fields(
    item,
    {
      path: (field) => {
        path = readPath(reader, field);
      },
      target: (field) => {
        target = reader.string(field);
      },
      folder: (field) => {
        within = readPath(reader, field);
      },
      'names-file': (field) => {
        const text = reader.string(field);
        namesFile = text === undefined ? undefined : resolve(folder, text);
      },
    },
    ['target'],
  );
  if (reader.problems.length > before || target === undefined) return undefined;
  const position = reader.position(item);
  if (path !== undefined && within === undefined && namesFile === undefined) {
    return { kind: 'one', path, target, position };
  }
  if (path === undefined && within !== undefined && namesFile !== undefined) {
    return { kind: 'each', folder: within, namesFile, target, position };
  }
  return reader.note(item, `${item.path} must have either path, or folder and names-file`);
}

const ACCOUNT = /^[a-z_][a-z0-9_-]*$/;

function readUser(reader: YamlReader, item: YamlValue): UserDefinition | undefined {
  let name: string | undefined;
  let uid: number | undefined;
  let gid: number | undefined;
  let home = '/nonexistent';
  let shell = '/usr/sbin/nologin';
  let comment = '';
  let password = '!*';
  const account = /^[^:\n]*$/;
  reader.fields(
    item,
    {
      name: (field) => {
        name = readMatching(reader, field, ACCOUNT, 'a user name');
      },
      uid: (field) => {
        uid = reader.id(field);
      },
      gid: (field) => {
        gid = reader.id(field);
      },
      home: (field) => {
        home = readMatching(reader, field, /^\/[^:\n]*$/, 'an absolute path') ?? home;
      },
      shell: (field) => {
        shell = readMatching(reader, field, /^\/[^:\n]*$/, 'an absolute path') ?? shell;
      },
      comment: (field) => {
        comment = readMatching(reader, field, account, 'text without a colon') ?? comment;
      },
      password: (field) => {
        password = readMatching(reader, field, account, "a field of /etc/shadow, e.g. '*'") ?? password;
      },
    },
    ['name', 'uid'],
  );
  if (name === undefined || uid === undefined) return undefined;
  return { name, uid, gid: gid ?? uid, home, shell, comment, password };
}

function readGroup(reader: YamlReader, item: YamlValue): GroupDefinition | undefined {
  let name: string | undefined;
  let gid: number | undefined;
  let members: readonly string[] = [];
  reader.fields(
    item,
    {
      name: (field) => {
        name = readMatching(reader, field, ACCOUNT, 'a group name');
      },
      gid: (field) => {
        gid = reader.id(field);
      },
      members: (field) => {
        members = reader.strings(field);
      },
    },
    ['name', 'gid'],
  );
  return name === undefined || gid === undefined ? undefined : { name, gid, members };
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

/** A module's name, or a pattern over paths of modules, for some architectures or all. */
function readModuleWord(reader: YamlReader, item: YamlValue): RestrictedName | undefined {
  const restricted = splitRestriction(reader, item, /^[\w.*?/+-]+$/);
  if (restricted === undefined || isGlob(restricted.name)) return restricted;
  return reader.note(item, `${item.path} "${restricted.name}" is neither a module nor a pattern of paths`);
}

function readKernel(reader: YamlReader, value: YamlValue): KernelSection {
  let modules: readonly RestrictedName[] = [
    { name: '**', architectures: [], position: reader.position(value) },
  ];
  let withoutModules: readonly RestrictedName[] = [];
  let deviceTrees: readonly string[] = [];
  const words = (field: YamlValue) =>
    reader.items(field).flatMap((item) => readModuleWord(reader, item) ?? []);
  reader.fields(value, {
    modules: (field) => {
      modules = words(field);
    },
    'without-modules': (field) => {
      withoutModules = words(field);
    },
    'device-trees': (field) => {
      deviceTrees = reader.items(field).flatMap((item) => readGlob(reader, item, reader.string(item)) ?? []);
    },
  });
  return { modules, withoutModules, deviceTrees };
}
