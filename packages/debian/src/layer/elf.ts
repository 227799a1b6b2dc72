const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46]; // "\x7fELF"
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const SHT_DYNAMIC = 6;
const DT_NEEDED = 1;
const DYNAMIC_ENTRY_BYTES = 16;

/** A section of an ELF file: where its content is, its kind, and the section that it refers to. */
export interface ElfSection {
  readonly name: string;
  readonly type: number;
  readonly link: number;
  readonly content: Uint8Array;
}

/** Whether a file begins as one in the format ELF does. */
export function isElf(bytes: Uint8Array): boolean {
  return ELF_MAGIC.every((byte, index) => bytes[index] === byte);
}

/**
 * The sections of a 64-bit little-endian ELF file, as Debian's for amd64, arm64 and riscv64 are. System V ABI,
 * "ELF-64 Object File Format". Undefined when the bytes are another file, or cut off.
 */
export function parseElfSections(bytes: Uint8Array): readonly ElfSection[] | undefined {
  if (!isElf(bytes) || bytes[4] !== ELFCLASS64 || bytes[5] !== ELFDATA2LSB) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    // Elf64_Ehdr: e_shoff at 40, e_shentsize at 58, e_shnum at 60, e_shstrndx at 62.
    const start = Number(view.getBigUint64(40, true));
    const entrySize = view.getUint16(58, true);
    const count = view.getUint16(60, true);
    const contentOf = (index: number) => {
      // Elf64_Shdr: sh_offset at 24, sh_size at 32.
      const at = start + index * entrySize;
      const offset = Number(view.getBigUint64(at + 24, true));
      return bytes.subarray(offset, offset + Number(view.getBigUint64(at + 32, true)));
    };
    const names = contentOf(view.getUint16(62, true));
    return Array.from({ length: count }, (_, index) => {
      const at = start + index * entrySize;
      return {
        name: stringAt(names, view.getUint32(at, true)),
        type: view.getUint32(at + 4, true),
        link: view.getUint32(at + 40, true),
        content: contentOf(index),
      };
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What a program or library asks of the system that loads it. */
export interface LinkNeeds {
  /** Path of the loader, for a program that is not static. */
  readonly loader?: string;
  /** Names of shared libraries. */
  readonly libraries: readonly string[];
}

/** The interpreter and the libraries that a program is linked with when it starts; none of another file. */
export function readLinkNeeds(bytes: Uint8Array): LinkNeeds {
  const sections = parseElfSections(bytes) ?? [];
  const interpreter = sections.find(({ name }) => name === '.interp');
  const libraries = sections.flatMap(({ type, link, content }) => {
    if (type !== SHT_DYNAMIC) return [];
    const strings = sections[link]?.content ?? new Uint8Array(0);
    const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    const needed: string[] = [];
    for (let at = 0; at + DYNAMIC_ENTRY_BYTES <= content.length; at += DYNAMIC_ENTRY_BYTES) {
      if (view.getBigInt64(at, true) !== BigInt(DT_NEEDED)) continue;
      needed.push(stringAt(strings, Number(view.getBigUint64(at + 8, true))));
    }
    return needed;
  });
  return interpreter === undefined ? { libraries } : { libraries, loader: stringAt(interpreter.content, 0) };
}

/** The text at an offset of a section of strings, up to its NUL. */
export function stringAt(strings: Uint8Array, offset: number): string {
  const end = strings.indexOf(0, offset);
  return new TextDecoder().decode(strings.subarray(offset, end < 0 ? undefined : end));
}
