import { Layout } from '../bytes.ts';
import { diskError } from '../errors.ts';
import { ISO_SECTOR_BYTES } from './fields.ts';

export interface BootImage {
  readonly platform: 'bios' | 'efi';
  /** A file of the tree. */
  readonly path: string;
  /**
   * 512-byte sectors that the firmware loads: 4 for isolinux and its like.
   * @default the whole file
   */
  readonly loadSectors?: number;
  /** Tells the file where it lies, as isolinux expects at its offset 8. @default false */
  readonly infoTable?: boolean;
}

export interface PlacedBootImage extends BootImage {
  readonly sector: number;
  readonly sizeBytes: number;
}

const PLATFORM = { bios: 0, efi: 0xef } as const;
const BOOTABLE = 0x88;
const MORE_HEADERS = 0x90;
const FINAL_HEADER = 0x91;

/** El Torito 1.0, figure 7: says where the catalog is. */
export function encodeBootRecord(catalogSector: number): Uint8Array {
  return new Layout(ISO_SECTOR_BYTES)
    .text(1, 'CD001')
    .u8(6, 1)
    .text(7, 'EL TORITO SPECIFICATION')
    .u32le(71, catalogSector).bytes;
}

/** El Torito 1.0, section 2; UEFI specification §13.3.2.1 for the platform number of EFI. */
export function encodeBootCatalog(images: readonly PlacedBootImage[]): Uint8Array {
  const layout = new Layout(ISO_SECTOR_BYTES);
  const [first, ...others] = images;
  if (first === undefined) throw new Error('bug: a boot catalog without images');
  layout.u8(0, 1).u8(1, PLATFORM[first.platform]).u8(30, 0x55).u8(31, 0xaa);
  let sum = 0;
  for (let at = 0; at < 32; at += 2)
    sum += (layout.bytes[at] as number) | ((layout.bytes[at + 1] as number) << 8);
  layout.u16le(28, -sum & 0xffff);
  putEntry(layout, 32, first);
  others.forEach((image, i) => {
    const at = 64 + i * 64;
    layout
      .u8(at, i === others.length - 1 ? FINAL_HEADER : MORE_HEADERS)
      .u8(at + 1, PLATFORM[image.platform])
      .u16le(at + 2, 1);
    putEntry(layout, at + 32, image);
  });
  return layout.bytes;
}

function putEntry(layout: Layout, at: number, image: PlacedBootImage): void {
  const sectors = image.loadSectors ?? Math.ceil(image.sizeBytes / 512);
  layout
    .u8(at, BOOTABLE)
    // An image larger than the field can say is read by the firmware to its file's end: 0 stands for that.
    .u16le(at + 6, sectors > 0xffff ? 0 : sectors)
    .u32le(at + 8, image.sector);
}

/** Fills in the table at offset 8: where the primary descriptor and the file lie, its length and checksum. */
export function patchInfoTable(content: Uint8Array, sector: number): Uint8Array {
  if (content.length < 64)
    throw diskError(
      'disk.bad-option',
      `a boot image of ${content.length} bytes has no room for the boot information table`,
    );
  const bytes = content.slice();
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  let sum = 0;
  for (let at = 64; at < padded.length; at += 4) sum = (sum + view.getUint32(at, true)) >>> 0;
  new Layout(bytes).u32le(8, 16).u32le(12, sector).u32le(16, bytes.length).u32le(20, sum);
  bytes.fill(0, 24, 64);
  return bytes;
}

export interface HybridOptions {
  /** The 432 bytes of code that start isolinux from a disk (syslinux's isohdpfx.bin). */
  readonly bootCode: Uint8Array;
  /** @default 0 */
  readonly diskId?: number;
}

/** A partition table for the system area, so that the image also starts from a disk. */
export function encodeHybridMbr(
  options: HybridOptions,
  images: readonly PlacedBootImage[],
  imageBytes: number,
): Uint8Array {
  const bios = images.find((image) => image.platform === 'bios');
  if (bios === undefined) throw diskError('disk.bad-option', 'a hybrid image needs a BIOS boot image');
  const layout = new Layout(512)
    .set(0, options.bootCode.subarray(0, 432))
    .u64le(432, bios.sector * (ISO_SECTOR_BYTES / 512))
    .u32le(440, options.diskId ?? 0)
    .u16le(510, 0xaa55);
  const put = (at: number, active: number, type: number, start: number, sectors: number) =>
    layout
      .u8(at, active)
      .u8(at + 1, 0xfe)
      .u8(at + 2, 0xff)
      .u8(at + 3, 0xff)
      .u8(at + 4, type)
      .u8(at + 5, 0xfe)
      .u8(at + 6, 0xff)
      .u8(at + 7, 0xff)
      .u32le(at + 8, start)
      .u32le(at + 12, sectors);
  put(446, 0x80, 0x17, 0, imageBytes / 512);
  const efi = images.find((image) => image.platform === 'efi');
  if (efi !== undefined)
    put(462, 0, 0xef, efi.sector * (ISO_SECTOR_BYTES / 512), Math.ceil(efi.sizeBytes / 512));
  return layout.bytes;
}
