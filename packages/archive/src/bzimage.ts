/** Where a bzImage keeps the compressed kernel. */
export interface BzImagePayload {
  /** Version of the boot protocol, 0x020f for 2.15. The two fields below stand since 2.08. */
  readonly protocol: number;
  /** From the start of the file. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** What the last bytes of the payload are when it is not gzip's: the unpacked length, appended by Linux. */
  readonly trailerBytes: 4;
}

/** As much of the file's start as {@link readBzImagePayload} looks at. */
export const BZIMAGE_HEADER_BYTES = 0x250;

/** "HdrS", little-endian. */
const MAGIC = 0x53726448;
const SECTOR_BYTES = 512;

/**
 * Reads the header of a Linux kernel for x86 (Documentation/arch/x86/boot.rst: `setup_sects`, `header`, `version`,
 * `payload_offset`, `payload_length`).
 *
 * @param start the first {@link BZIMAGE_HEADER_BYTES} bytes of the file, or all of it
 * @returns undefined for a file of another kind
 */
export function readBzImagePayload(start: Uint8Array): BzImagePayload | undefined {
  if (start.length < BZIMAGE_HEADER_BYTES) return undefined;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (view.getUint32(0x202, true) !== MAGIC) return undefined;
  const setupSectors = view.getUint8(0x1f1) || 4; // 0 means 4, says boot.rst
  return {
    protocol: view.getUint16(0x206, true),
    offsetBytes: (setupSectors + 1) * SECTOR_BYTES + view.getUint32(0x248, true),
    lengthBytes: view.getUint32(0x24c, true),
    trailerBytes: 4,
  };
}
