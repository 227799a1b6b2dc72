import type { FileNode } from '@orlop/disk';
import { kitError } from '../../errors.ts';
import { concatenatedFile, type PlacedPart } from '../concatenated-file.ts';
import { bytesNode } from '../file-nodes.ts';

/** A section to be added to a stub. */
interface Section {
  /** At most eight characters. */
  readonly name: string;
  readonly content: FileNode;
}

/** PE format (Microsoft), "COFF File Header" and "Optional Header Windows-Specific Fields". */
const PE_POINTER_AT = 0x3c;
const COFF_BYTES = 24;
const SECTION_HEADER_BYTES = 40;
const OPTIONAL_AT = {
  sizeOfInitializedData: 8,
  sectionAlignment: 32,
  fileAlignment: 36,
  sizeOfImage: 56,
  sizeOfHeaders: 60,
  checksum: 64,
} as const;
/** Readable, initialized data. */
const SECTION_FLAGS = 0x4000_0040;

export interface UnifiedKernel {
  readonly stub: Uint8Array;
  readonly kernel: FileNode;
  readonly initrd: FileNode;
  readonly cmdline: string;
  /** Lines of os-release(5). */
  readonly osRelease: string;
}

/**
 * A unified kernel image: systemd's stub with the kernel, the initrd and the command line as further sections
 * (UAPI.5 specification). The contents stream when the file is read.
 */
export function unifiedKernel(parts: UnifiedKernel): FileNode {
  return addSections(parts.stub, [
    { name: '.osrel', content: bytesNode(parts.osRelease) },
    { name: '.cmdline', content: bytesNode(`${parts.cmdline}\0`) },
    { name: '.initrd', content: parts.initrd },
    // Last, since the kernel unpacks itself in place and needs the room behind it.
    { name: '.linux', content: parts.kernel },
  ]);
}

/** The program with sections behind its own. */
function addSections(program: Uint8Array, sections: readonly Section[]): FileNode {
  const header = program.slice();
  const view = new DataView(header.buffer);
  const pe = readHeaders(view);
  const alignUp = (value: number, unit: number) => Math.ceil(value / unit) * unit;
  const placed: PlacedPart[] = [{ content: bytesNode(header), at: 0 }];
  let address = pe.endAddress;
  let fileEnd = alignUp(program.length, pe.fileAlignment);
  sections.forEach(({ name, content }, i) => {
    const at = pe.sectionsAt + (pe.sectionCount + i) * SECTION_HEADER_BYTES;
    if (at + SECTION_HEADER_BYTES > pe.headersEnd)
      throw kitError('kit.invalid-image', `the EFI stub has no room for the section ${name}`);
    address = alignUp(address, pe.sectionAlignment);
    const rawBytes = alignUp(content.sizeBytes, pe.fileAlignment);
    header.fill(0, at, at + SECTION_HEADER_BYTES);
    header.set(new TextEncoder().encode(name), at);
    view.setUint32(at + 8, content.sizeBytes, true);
    view.setUint32(at + 12, address, true);
    view.setUint32(at + 16, rawBytes, true);
    view.setUint32(at + 20, fileEnd, true);
    view.setUint32(at + 36, SECTION_FLAGS, true);
    placed.push({ content, at: fileEnd });
    address += content.sizeBytes;
    fileEnd += rawBytes;
  });
  view.setUint16(pe.coffAt + 6, pe.sectionCount + sections.length, true);
  view.setUint32(pe.optionalAt + OPTIONAL_AT.sizeOfImage, alignUp(address, pe.sectionAlignment), true);
  const added = fileEnd - alignUp(program.length, pe.fileAlignment);
  view.setUint32(pe.optionalAt + OPTIONAL_AT.sizeOfInitializedData, pe.initializedData + added, true);
  view.setUint32(pe.optionalAt + OPTIONAL_AT.checksum, 0, true);
  return concatenatedFile(fileEnd, placed);
}

function readHeaders(view: DataView) {
  const bad = (what: string) => kitError('kit.invalid-image', `the EFI stub is no PE program: ${what}`);
  if (view.byteLength < 0x40 || view.getUint16(0, true) !== 0x5a4d) throw bad('it does not begin with MZ');
  const coffAt = view.getUint32(PE_POINTER_AT, true);
  if (coffAt + COFF_BYTES > view.byteLength || view.getUint32(coffAt, true) !== 0x4550)
    throw bad('it has no PE header');
  const sectionCount = view.getUint16(coffAt + 6, true);
  const optionalAt = coffAt + COFF_BYTES;
  const sectionsAt = optionalAt + view.getUint16(coffAt + 20, true);
  if (sectionCount === 0 || sectionsAt + sectionCount * SECTION_HEADER_BYTES > view.byteLength)
    throw bad('its sections are cut off');
  let endAddress = 0;
  for (let i = 0; i < sectionCount; i++) {
    const at = sectionsAt + i * SECTION_HEADER_BYTES;
    endAddress = Math.max(endAddress, view.getUint32(at + 12, true) + view.getUint32(at + 8, true));
  }
  return {
    coffAt,
    optionalAt,
    sectionsAt,
    sectionCount,
    endAddress,
    sectionAlignment: view.getUint32(optionalAt + OPTIONAL_AT.sectionAlignment, true),
    fileAlignment: view.getUint32(optionalAt + OPTIONAL_AT.fileAlignment, true),
    headersEnd: view.getUint32(optionalAt + OPTIONAL_AT.sizeOfHeaders, true),
    initializedData: view.getUint32(optionalAt + OPTIONAL_AT.sizeOfInitializedData, true),
  };
}
