import { parseElfSections, stringAt } from '../layer/elf.ts';

/** `MODULE_NAME_LEN` of include/linux/module.h on 64 bits: what `struct modversion_info` has for a name. */
const NAME_BYTES = 56;
const SHT_SYMTAB = 2;
/** Elf64_Sym: st_name at 0, st_shndx at 6. */
const SYMBOL_BYTES = 24;

/** Names that an object file refers to and has not. */
export function undefinedSymbols(object: Uint8Array): readonly string[] {
  const sections = parseElfSections(object) ?? [];
  return sections.flatMap(({ type, link, content }) => {
    if (type !== SHT_SYMTAB) return [];
    const strings = sections[link]?.content ?? new Uint8Array(0);
    const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    const names: string[] = [];
    // The first symbol is nothing.
    for (let at = SYMBOL_BYTES; at + SYMBOL_BYTES <= content.length; at += SYMBOL_BYTES) {
      if (view.getUint16(at + 6, true) !== 0) continue;
      names.push(stringAt(strings, view.getUint32(at, true)));
    }
    return names.sort();
  });
}

/** Checksums of what a kernel exports, by name: lines `CRC NAME OBJECT KIND` of its Module.symvers. */
export function parseSymbolVersions(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [checksum = '', name] = line.split('\t');
      return name === undefined || !/^0x[0-9a-f]{8}$/.test(checksum) ? [] : [[name, checksum] as const];
    }),
  );
}

/** The section `__versions` in assembly: of each symbol the checksum that the kernel must have for it. */
export function versionsSection(
  symbols: readonly string[],
  versions: ReadonlyMap<string, string>,
): { readonly assembly: string; readonly missing: readonly string[] } {
  const wanted = ['module_layout', ...symbols];
  const lines = wanted.flatMap((name) => {
    const checksum = versions.get(name);
    if (checksum === undefined || name.length >= NAME_BYTES) return [];
    return [`.quad ${checksum}`, `.ascii "${name}"`, `.zero ${NAME_BYTES - name.length}`];
  });
  return {
    assembly: ['.section __versions, "a"', '.balign 8', ...lines, ''].join('\n'),
    missing: wanted.filter((name) => !versions.has(name) || name.length >= NAME_BYTES),
  };
}
