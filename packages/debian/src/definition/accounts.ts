import type { GroupDefinition, UserDefinition } from './definition.ts';
import { readMatching } from './words.ts';
import type { YamlReader, YamlValue } from './yaml-reader.ts';

const ACCOUNT = /^[a-z_][a-z0-9_-]*$/;

/** An item of `users`: unless said, nobody logs in with it. */
export function readUser(reader: YamlReader, item: YamlValue): UserDefinition | undefined {
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

/** An item of `groups`. */
export function readGroup(reader: YamlReader, item: YamlValue): GroupDefinition | undefined {
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
