import { archiveError } from './errors.ts';

export { decodeName, encodeName, hasRawBytes } from '@orlop/core';

/**
 * The form that {@link EntryHeader} promises: no leading, trailing or double slash, no `.` part; `''` is the
 * root itself. A leading slash is dropped, as every tar does, since real layers carry such names.
 *
 * @throws OrlopError archive.unsafe-name for a `..` part or a NUL
 */
export function normalizeName(name: string): string {
  if (isNormal(name)) return name;
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..')
      throw archiveError('archive.unsafe-name', `the name ${JSON.stringify(name)} leads out of the archive`);
    parts.push(part);
  }
  const normal = parts.join('/');
  if (normal.includes('\0'))
    throw archiveError('archive.unsafe-name', `the name ${JSON.stringify(name)} holds a NUL byte`);
  return normal;
}

/** The common case, decided without allocation: no part is empty or starts with a dot that matters. */
function isNormal(name: string): boolean {
  let partStart = 0;
  for (let i = 0; i <= name.length; i++) {
    const code = i < name.length ? name.charCodeAt(i) : 0x2f;
    if (code === 0) return false;
    if (code !== 0x2f) continue;
    const length = i - partStart;
    if (length === 0) return name.length === 0;
    if (name.charCodeAt(partStart) === 0x2e) {
      if (length === 1 || (length === 2 && name.charCodeAt(partStart + 1) === 0x2e)) return false;
    }
    partStart = i + 1;
  }
  return true;
}
