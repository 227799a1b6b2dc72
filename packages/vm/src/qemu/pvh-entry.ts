import { readAt, withFile } from '../file-parts.ts';

const ELF_MAGIC = 0x7f454c46;
const ELF64_HEADER_BYTES = 64;
const ELF64_PROGRAM_HEADER_BYTES = 56;
const PT_NOTE = 4;
/** Linux's notes are some hundred bytes. */
const MAX_NOTES_BYTES = 1 << 16;
/** "Xen" and a zero. */
const XEN_NAME = 0x58656e00;
const XEN_ELFNOTE_PHYS32_ENTRY = 18;

/**
 * Whether QEMU can start an ELF file directly: it has a note of Xen's with the 32-bit entry (XEN_ELFNOTE_PHYS32_ENTRY;
 * Xen's include/public/elfnote.h). Linux has it when built with CONFIG_PVH.
 */
export async function hasPvhEntry(path: string): Promise<boolean> {
  const found = await withFile(path, async (file) => {
    const header = view(await readAt(file, 0, ELF64_HEADER_BYTES));
    if (header.byteLength < ELF64_HEADER_BYTES || header.getUint32(0) !== ELF_MAGIC) return false;
    const [tableOffset, entryBytes, entries] = [
      Number(header.getBigUint64(0x20, true)),
      header.getUint16(0x36, true),
      header.getUint16(0x38, true),
    ];
    const table = view(await readAt(file, tableOffset, entryBytes * entries));
    for (let at = 0; at + ELF64_PROGRAM_HEADER_BYTES <= table.byteLength; at += entryBytes) {
      if (table.getUint32(at, true) !== PT_NOTE) continue;
      const offset = Number(table.getBigUint64(at + 0x08, true));
      const length = Math.min(Number(table.getBigUint64(at + 0x20, true)), MAX_NOTES_BYTES);
      if (hasXenEntry(view(await readAt(file, offset, length)))) return true;
    }
    return false;
  });
  return found === true;
}

/** A note is the lengths of name and description, its type, and both, each padded to four bytes (elf(5)). */
function hasXenEntry(notes: DataView): boolean {
  const padded = (bytes: number) => (bytes + 3) & ~3;
  for (let at = 0; at + 16 <= notes.byteLength; ) {
    const [nameBytes, descriptionBytes] = [notes.getUint32(at, true), notes.getUint32(at + 4, true)];
    const isXen = nameBytes === 4 && notes.getUint32(at + 12) === XEN_NAME;
    if (isXen && notes.getUint32(at + 8, true) === XEN_ELFNOTE_PHYS32_ENTRY) return true;
    at += 12 + padded(nameBytes) + padded(descriptionBytes);
  }
  return false;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
