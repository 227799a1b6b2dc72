import { ARCHITECTURES } from '@orlop/core';
import { isGlob } from '../layer/globs.ts';
import type { Id, Owner, RestrictedName } from './definition.ts';
import type { YamlReader, YamlValue } from './yaml-reader.ts';

// The words of a definition; what is wrong with one is noted in the reader, and nothing returned.

/** `name`, or `name [amd64 arm64]`. */
export function splitRestriction(
  reader: YamlReader,
  item: YamlValue,
  name: RegExp,
): RestrictedName | undefined {
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

/** A pattern of paths; what is none is noted as a problem, and undefined. */
export function readGlob(reader: YamlReader, item: YamlValue, text: string | undefined): string | undefined {
  if (text === undefined || isGlob(text)) return text;
  return reader.note(
    item,
    `${item.path} "${text}" is no pattern: a relative path in which * ? and ** may stand`,
  );
}

/** A place in the image: absolute or relative, without `.` and `..`. */
export function readPath(reader: YamlReader, item: YamlValue): string | undefined {
  const text = reader.string(item);
  if (text === undefined) return undefined;
  const path = text.replace(/^\/+/, '').replace(/\/+$/, '');
  if (path !== '' && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'))
    return path;
  return reader.note(item, `${item.path} "${text}" is no path in the image`);
}

/** An octal mode in quotes, as a number. */
export function readMode(reader: YamlReader, item: YamlValue): number | undefined {
  const text = readMatching(reader, item, /^[0-7]{3,4}$/, 'an octal mode in quotes, e.g. "0755"');
  return text === undefined ? undefined : Number.parseInt(text, 8);
}

/** A text of a form, which `meaning` describes to whoever wrote another. */
export function readMatching(
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
export function readOwner(reader: YamlReader, item: YamlValue): Owner | undefined {
  const text = readMatching(reader, item, /^[a-z0-9_-]+(:[a-z0-9_-]+)?$/, 'user:group');
  if (text === undefined) return undefined;
  const [user = '', group = user] = text.split(':');
  const id = (word: string): Id => (/^\d+$/.test(word) ? Number(word) : word);
  return { user: id(user), group: id(group) };
}
