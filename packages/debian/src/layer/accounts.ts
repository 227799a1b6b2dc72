import type { GroupDefinition, Id, Owner, UserDefinition } from '../definition/definition.ts';
import { debianError } from '../errors.ts';

const NOLOGIN = '/usr/sbin/nologin';

/** What every image with accounts has, with Debian's numbers (base-passwd). */
const BASE_USERS: readonly UserDefinition[] = [
  { name: 'root', uid: 0, gid: 0, home: '/root', shell: '/bin/sh', comment: 'root', password: '*' },
  { name: 'daemon', uid: 1, gid: 1, home: '/usr/sbin', shell: NOLOGIN, comment: 'daemon', password: '*' },
  {
    name: 'nobody',
    uid: 65534,
    gid: 65534,
    home: '/nonexistent',
    shell: NOLOGIN,
    comment: 'nobody',
    password: '*',
  },
];
const BASE_GROUPS: readonly GroupDefinition[] = [
  ...Object.entries({
    root: 0,
    daemon: 1,
    adm: 4,
    tty: 5,
    disk: 6,
    kmem: 15,
    shadow: 42,
    utmp: 43,
    nogroup: 65534,
  }).map(([name, gid]) => ({ name, gid, members: [] })),
];

/** The accounts of an image: the base's, replaced and completed by the definition's. */
export class Accounts {
  readonly #users: ReadonlyMap<string, UserDefinition>;
  readonly #groups: ReadonlyMap<string, GroupDefinition>;

  constructor(users: readonly UserDefinition[], groups: readonly GroupDefinition[]) {
    this.#users = byName([...BASE_USERS, ...users]);
    const named = byName([...BASE_GROUPS, ...groups]);
    // A user without a group of its number gets one of its own name, as adduser gives it.
    const numbers = new Set([...named.values()].map((group) => group.gid));
    for (const { name, gid } of users) {
      if (!numbers.has(gid) && !named.has(name)) named.set(name, { name, gid, members: [] });
    }
    this.#groups = named;
  }

  /** @throws OrlopError `debian.layer-conflict` for a name that nobody has. */
  resolve(owner: Owner): { readonly uid: number; readonly gid: number } {
    return {
      uid: number('user', owner.user, this.#users.get(String(owner.user))?.uid),
      gid: number('group', owner.group, this.#groups.get(String(owner.group))?.gid),
    };
  }

  /** Files that tell of the accounts, by path. passwd(5), group(5), shadow(5). */
  files(): readonly {
    readonly path: string;
    readonly mode: number;
    readonly gid: number;
    readonly text: string;
  }[] {
    const users = [...this.#users.values()];
    const lines = (list: readonly string[]) => list.map((line) => `${line}\n`).join('');
    return [
      {
        path: 'etc/passwd',
        mode: 0o644,
        gid: 0,
        text: lines(users.map((u) => `${u.name}:x:${u.uid}:${u.gid}:${u.comment}:${u.home}:${u.shell}`)),
      },
      {
        path: 'etc/group',
        mode: 0o644,
        gid: 0,
        text: lines([...this.#groups.values()].map((g) => `${g.name}:x:${g.gid}:${g.members.join(',')}`)),
      },
      // The day of the last change is left empty: no ageing, and nothing that depends on the day of the build.
      {
        path: 'etc/shadow',
        mode: 0o640,
        gid: 42,
        text: lines(users.map((u) => `${u.name}:${u.password}::0:99999:7:::`)),
      },
    ];
  }
}

function byName<Item extends { readonly name: string }>(items: readonly Item[]): Map<string, Item> {
  return new Map(items.map((item) => [item.name, item]));
}

function number(kind: string, id: Id, known: number | undefined): number {
  if (typeof id === 'number') return id;
  if (known !== undefined) return known;
  throw debianError('debian.layer-conflict', `there is no ${kind} ${id} in the image`, {
    hint: `define it under ${kind}s, or write its number`,
  });
}
