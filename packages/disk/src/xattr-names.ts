import { encodeName } from '@orlop/core';
import { diskError } from './errors.ts';

/** A name's beginning, and the number by which a file system knows it. */
export type XattrPrefix = readonly [prefix: string, index: number];

/** An extended attribute as file systems keep it: the beginning of its name is a number. */
export interface SplitXattr {
  readonly index: number;
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

export interface XattrRules {
  /** For messages. */
  readonly fileSystem: string;
  /** The first that fits; one that is a whole name leaves nothing of it. */
  readonly prefixes: readonly XattrPrefix[];
  readonly pathOf: () => string;
}

/** Prefixes as ext4 (fs/ext4/xattr.h) and erofs number them. */
export const LINUX_PREFIXES: readonly XattrPrefix[] = [
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['user.', 1],
  ['trusted.', 4],
  ['security.', 6],
];

/** Linux, include/uapi/linux/limits.h, XATTR_NAME_MAX. */
const MAX_NAME_BYTES = 255;

/** @throws OrlopError for a name that the file system does not know, or that is longer than Linux takes */
export function splitXattr(rules: XattrRules, full: string, value: Uint8Array): SplitXattr {
  const found = rules.prefixes.find(([prefix]) => full.startsWith(prefix));
  if (found === undefined) {
    throw diskError(
      'disk.unsupported-node',
      `extended attribute "${full}" of "/${rules.pathOf()}" has no prefix that ${rules.fileSystem} knows`,
    );
  }
  if (encodeName(full).length > MAX_NAME_BYTES) {
    throw diskError(
      'disk.bad-name',
      `the name of the extended attribute "${full}" of "/${rules.pathOf()}" is longer than ${MAX_NAME_BYTES} bytes`,
    );
  }
  const [prefix, index] = found;
  return { index, name: encodeName(full.slice(prefix.length)), value };
}
