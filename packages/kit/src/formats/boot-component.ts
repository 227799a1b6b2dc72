import { bodyBytes, type EntryStream } from '@orlop/archive';
import { kitError } from '../errors.ts';

/** Boot programs are small; what is larger than this is none. */
const MAX_FILE_BYTES = 16 * 2 ** 20;

/** Files of a boot component by the last part of their path. @throws OrlopError when one of `names` is missing */
export async function readBootComponent<const Name extends string>(
  entries: EntryStream,
  names: readonly Name[],
): Promise<Readonly<Record<Name, Uint8Array>>> {
  const files = new Map<string, Uint8Array>();
  for await (const entry of entries) {
    const { header } = entry;
    const name = header.name.slice(header.name.lastIndexOf('/') + 1);
    if (
      header.type !== 'file' ||
      !(names as readonly string[]).includes(name) ||
      header.sizeBytes > MAX_FILE_BYTES
    )
      continue;
    files.set(name, await bodyBytes(entry));
  }
  const found = names.map((name) => {
    const bytes = files.get(name);
    if (bytes === undefined) throw kitError('kit.invalid-image', `the boot component has no ${name}`);
    return [name, bytes] as const;
  });
  return Object.fromEntries(found) as Record<Name, Uint8Array>;
}
