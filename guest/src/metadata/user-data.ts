/** A file or folder that user data asks for, below /run/config. */
export type UserDataEntry =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: string }
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number };

const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;

/**
 * Reads user data in LinuxKit's form: a JSON tree `{name: {perm, content | entries}}`, folders before what is in
 * them. Undefined when the text is anything else, such as a cloud-init document; names that would lead elsewhere
 * make all of it something else.
 */
export function parseUserData(text: string): readonly UserDataEntry[] | undefined {
  let tree: unknown;
  try {
    tree = JSON.parse(text);
  } catch {
    return undefined;
  }
  return readFolder(tree, '');
}

function readFolder(tree: unknown, base: string): readonly UserDataEntry[] | undefined {
  if (!isObject(tree)) return undefined;
  const entries: UserDataEntry[] = [];
  for (const [name, node] of Object.entries(tree)) {
    if (name === '' || name === '.' || name === '..' || name.includes('/') || !isObject(node))
      return undefined;
    const path = `${base}${name}`;
    const { perm, content, entries: children } = node;
    if (perm !== undefined && !(typeof perm === 'string' && /^[0-7]{3,4}$/.test(perm))) return undefined;
    const mode = typeof perm === 'string' ? Number.parseInt(perm, 8) : undefined;
    if (typeof content === 'string' && children === undefined) {
      entries.push({ kind: 'file', path, mode: mode ?? FILE_MODE, content });
      continue;
    }
    const inside = content === undefined ? readFolder(children, `${path}/`) : undefined;
    if (inside === undefined) return undefined;
    entries.push({ kind: 'folder', path, mode: mode ?? FOLDER_MODE }, ...inside);
  }
  return entries;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
