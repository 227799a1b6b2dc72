import type { Located, LocatedEntry, LocatedMap } from '../yaml/located.ts';

/** The lists of an image description, in LinuxKit's order, and what stands before and after them. */
export const SECTION_ORDER = [
  'kernel',
  'init',
  'onboot',
  'onshutdown',
  'services',
  'volumes',
  'files',
  'trust',
] as const;

/**
 * Merges image descriptions: what a later one says of the kernel replaces what an earlier one said, unless it is
 * empty; the lists are appended. Keys that nobody knows are kept, so that the schema can complain of them.
 */
export function mergeDocuments(documents: readonly LocatedMap[]): LocatedMap {
  const entries = new Map<string, LocatedEntry[]>();
  for (const document of documents) {
    for (const entry of document.entries) {
      const same = entries.get(entry.key);
      if (same === undefined) entries.set(entry.key, [entry]);
      else same.push(entry);
    }
  }
  const known = SECTION_ORDER.flatMap((key) => {
    const same = entries.get(key);
    entries.delete(key);
    return same === undefined ? [] : mergeEntries(same);
  });
  const position = documents[0]?.position ?? { file: '', line: 1, column: 1 };
  return { kind: 'map', entries: [...known, ...[...entries.values()].flat()], position };
}

/** One entry where the values agree in kind; all of them where they do not, for the schema to complain of. */
function mergeEntries(same: readonly LocatedEntry[]): readonly LocatedEntry[] {
  const [first] = same;
  if (first === undefined || same.length === 1) return same;
  if (same.every(({ value }) => value.kind === 'list')) {
    const items = same.flatMap(({ value }) => (value.kind === 'list' ? value.items : []));
    return [{ ...first, value: { kind: 'list', items, position: first.value.position } }];
  }
  if (same.every(({ value }) => value.kind === 'map')) {
    const maps = same.flatMap(({ value }) => (value.kind === 'map' ? [value] : []));
    return [{ ...first, value: mergeFields(maps) }];
  }
  return same;
}

function mergeFields(maps: readonly LocatedMap[]): LocatedMap {
  const fields = new Map<string, LocatedEntry>();
  for (const entry of maps.flatMap((map) => map.entries)) {
    if (!fields.has(entry.key) || !isEmpty(entry.value)) fields.set(entry.key, entry);
  }
  const position = maps[0]?.position ?? { file: '', line: 1, column: 1 };
  return { kind: 'map', entries: [...fields.values()], position };
}

function isEmpty(node: Located): boolean {
  return node.kind === 'scalar' && (node.value === '' || node.value === null);
}
