import { resolve } from 'node:path';
import type {
  DirectoryDefinition,
  FileContent,
  FileDefinition,
  Owner,
  SymlinkDefinition,
} from './definition.ts';
import { readGlob, readMode, readOwner, readPath } from './words.ts';
import type { YamlReader, YamlValue } from './yaml-reader.ts';

const ROOT: Owner = { user: 0, group: 0 };

/** An item of `files`; its `source` is relative to `folder`. */
export function readFile(reader: YamlReader, item: YamlValue, folder: string): FileDefinition | undefined {
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

/** An item of `directories`. */
export function readDirectory(reader: YamlReader, item: YamlValue): DirectoryDefinition | undefined {
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

/** An item of `symlinks`: one link, or one for each name in a file that is relative to `folder`. */
export function readSymlink(
  reader: YamlReader,
  item: YamlValue,
  folder: string,
): SymlinkDefinition | undefined {
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
