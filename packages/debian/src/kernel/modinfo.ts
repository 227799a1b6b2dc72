import { debianError } from '../errors.ts';

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

const ELF_MAGIC = 0x464c457f; // "\x7fELF", little-endian
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;

/**
 * Reads an uncompressed 64-bit little-endian module, as Debian builds them for amd64, arm64 and riscv64.
 * System V ABI, "ELF-64 Object File Format".
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
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (view.getUint32(0, true) !== ELF_MAGIC || bytes[4] !== ELFCLASS64 || bytes[5] !== ELFDATA2LSB) {
      throw debianError('debian.module-invalid', `${path} is no 64-bit little-endian kernel module`);
    }
    const sections = sectionHeaders(view);
    for (const section of sections) {
      if (readName(bytes, sections, view, section.nameOffset) !== '.modinfo') continue;
      const content = bytes.subarray(section.offset, section.offset + section.size);
      return new TextDecoder()
        .decode(content)
        .split('\0')
        .filter((text) => text !== '');
    }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw debianError('debian.module-invalid', `the module ${path} is cut off`, { cause });
  }
  throw debianError('debian.module-invalid', `the module ${path} has no section .modinfo`);
}

interface Section {
  readonly nameOffset: number;
  readonly offset: number;
  readonly size: number;
}

/** Elf64_Ehdr: e_shoff at 40, e_shentsize at 58, e_shnum at 60. Elf64_Shdr: sh_offset at 24, sh_size at 32. */
function sectionHeaders(view: DataView): readonly Section[] {
  const start = Number(view.getBigUint64(40, true));
  const entrySize = view.getUint16(58, true);
  return Array.from({ length: view.getUint16(60, true) }, (_, index) => {
    const at = start + index * entrySize;
    return {
      nameOffset: view.getUint32(at, true),
      offset: Number(view.getBigUint64(at + 24, true)),
      size: Number(view.getBigUint64(at + 32, true)),
    };
  });
}

/** Elf64_Ehdr: e_shstrndx, the section of section names, at 62. */
function readName(bytes: Uint8Array, sections: readonly Section[], view: DataView, offset: number): string {
  const names = sections[view.getUint16(62, true)];
  if (names === undefined) return '';
  const start = names.offset + offset;
  const end = bytes.indexOf(0, start);
  return new TextDecoder().decode(bytes.subarray(start, end < 0 ? undefined : end));
}
