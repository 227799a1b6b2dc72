import type { HeaderTable } from '@orlop/archive';

/**
 * How many names files of several have: a hard link means the last member of that name before it. Only names that hard
 * links have to do with are kept.
 *
 * @param members numbers, in order
 */
export function countLinks(table: HeaderTable, members: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  const concerned = new Set<string>();
  for (const member of members) {
    if (table.type(member) !== 'hardlink') continue;
    concerned.add(table.name(member)).add(table.linkName(member) ?? '');
  }
  if (concerned.size === 0) return counts;
  const owners = new Map<string, number>();
  for (const member of members) {
    const name = table.name(member);
    if (!concerned.has(name)) continue;
    const type = table.type(member);
    if (type === 'file') {
      owners.set(name, member);
    } else if (type === 'hardlink') {
      const owner = owners.get(table.linkName(member) ?? '');
      if (owner === undefined) continue;
      counts.set(owner, (counts.get(owner) ?? 1) + 1);
      owners.set(name, owner);
    } else {
      owners.delete(name);
    }
  }
  return counts;
}
