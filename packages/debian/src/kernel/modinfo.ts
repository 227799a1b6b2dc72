import { debianError } from '../errors.ts';
import { parseElfSections } from '../layer/elf.ts';

/** What a kernel module says of itself in its section `.modinfo`. */
export interface ModuleInfo {
  readonly name: string;
  /** Names of modules that must be loaded before. */
  readonly depends: readonly string[];
  /** Patterns of device and other names that it serves. */
  readonly aliases: readonly string[];
  /** Lines `pre: a b post: c`. */
  readonly softDependencies: readonly string[];
  readonly weakDependencies: readonly string[];
}

/**
 * Reads an uncompressed module.
 *
 * @throws OrlopError `debian.module-invalid` for anything else.
 */
export function parseModuleInfo(bytes: Uint8Array, path: string): ModuleInfo {
  const values = new Map<string, string[]>();
  for (const text of modinfoStrings(bytes, path)) {
    const equals = text.indexOf('=');
    if (equals <= 0) continue;
    const key = text.slice(0, equals);
    const list = values.get(key) ?? [];
    list.push(text.slice(equals + 1));
    values.set(key, list);
  }
  const name = values.get('name')?.[0];
  if (name === undefined)
    throw debianError('debian.module-invalid', `the module ${path} does not say its name`);
  return {
    name: moduleName(name),
    depends: (values.get('depends')?.[0] ?? '')
      .split(',')
      .filter((one) => one !== '')
      .map(moduleName),
    aliases: values.get('alias') ?? [],
    softDependencies: values.get('softdep') ?? [],
    weakDependencies: values.get('weakdep') ?? [],
  };
}

/** `-` and `_` are the same in names of modules; indexes hold the latter. */
export function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}

function modinfoStrings(bytes: Uint8Array, path: string): readonly string[] {
  const section = parseElfSections(bytes)?.find(({ name }) => name === '.modinfo');
  if (section === undefined) {
    throw debianError(
      'debian.module-invalid',
      `${path} is no 64-bit little-endian kernel module with a .modinfo`,
    );
  }
  return new TextDecoder()
    .decode(section.content)
    .split('\0')
    .filter((text) => text !== '');
}
