import { kitError } from '../../errors.ts';

const SECTOR = 512;
/** What the boot sector and the loader are known by (syslinux, libinstaller/syslxint.h). */
const MAGIC = 0x3eb202fe;
/** A run of sectors stays below 64 KiB. */
const MAX_RUN_SECTORS = 127;
/** Two copies of the auxiliary data vector, what the loader remembers from boot to boot, lie behind it. */
const ADV_SECTORS = 2;
const ADV = { head: 0x5a2d2fa5, checksum: 0xa3041767, tail: 0xdd28bf64 } as const;
/** Enough of an ELF header to know the module by that follows the loader in the installer. */
const MODULE_HEAD_BYTES = 20;

/** What syslinux's installer lays on a disk. */
export interface SyslinuxPrograms {
  /** 512 bytes; the volume's own parameters belong at offset 11. */
  readonly bootSector: Uint8Array;
  /** The file `ldlinux.sys`, without the vectors behind it. */
  readonly loader: Uint8Array;
}

/**
 * Takes both programs out of Debian's installer, which holds them one behind the other, and `ldlinux.c32` after them.
 *
 * @throws OrlopError `kit.invalid-image` when they are not where they are looked for
 */
export function takeSyslinuxApart(installer: Uint8Array, module: Uint8Array): SyslinuxPrograms {
  const bytes = Buffer.from(installer.buffer, installer.byteOffset, installer.byteLength);
  const name = Buffer.from('SYSLINUX');
  for (let at = bytes.indexOf(name); at !== -1; at = bytes.indexOf(name, at + 1)) {
    const start = at - 3;
    if (start < 0 || start + 2 * SECTOR > bytes.length) continue;
    if (bytes.readUInt32LE(start + 504) !== MAGIC || bytes.readUInt16LE(start + 510) !== 0xaa55) continue;
    const loaderAt = start + SECTOR;
    const end = bytes.indexOf(module.subarray(0, MODULE_HEAD_BYTES), loaderAt);
    if (end === -1) continue;
    const loader = bytes.subarray(loaderAt, end);
    if (patchAreaOf(loader) !== undefined) return { bootSector: bytes.subarray(start, loaderAt), loader };
  }
  throw kitError(
    'kit.invalid-image',
    "the boot component's syslinux is no installer with a boot sector and a loader in it",
  );
}

/** How long `ldlinux.sys` is on a disk. */
export function installedBytes({ loader }: SyslinuxPrograms): number {
  return (sectorsOf(loader) + ADV_SECTORS) * SECTOR;
}

/**
 * The boot sector and the file `ldlinux.sys` as they work where they lie: each says which sectors come next
 * (syslinux, libinstaller/syslxmod.c and setadv.c).
 *
 * @param firstSector of the file in its volume, where it lies in one piece
 */
export function installSyslinux(
  { bootSector, loader }: SyslinuxPrograms,
  firstSector: number,
): SyslinuxPrograms {
  const sectors = sectorsOf(loader);
  const file = new Uint8Array((sectors + ADV_SECTORS) * SECTOR);
  file.set(loader);
  const view = new DataView(file.buffer);
  const area = patchAreaOf(loader) ?? 0;
  // What the loader says of its own places: four fields of its own, three of the boot sector.
  const extended = view.getUint16(area + 22, true);
  const place = (n: number) => view.getUint16(extended + 2 * n, true);

  const dwords = loader.length >> 2;
  view.setUint16(area + 8, sectors, true);
  view.setUint16(area + 10, ADV_SECTORS, true);
  view.setUint32(area + 12, dwords, true);
  const runs = runsFrom(firstSector + 1, sectors - 1);
  runs.forEach(({ sector, length }, n) => {
    const at = place(5) + n * 10;
    view.setUint32(at, sector, true);
    view.setUint32(at + 4, 0, true);
    view.setUint16(at + 8, length, true);
  });
  for (let n = 0; n < ADV_SECTORS; n++) {
    view.setUint32(place(0) + n * 8, firstSector + sectors + n, true);
    view.setUint32(place(0) + n * 8 + 4, 0, true);
    emptyVector(view, (sectors + n) * SECTOR);
  }
  view.setUint32(area + 16, 0, true);
  let sum = MAGIC;
  for (let n = 0; n < dwords; n++) sum = (sum - view.getUint32(n * 4, true)) >>> 0;
  view.setUint32(area + 16, sum, true);

  const sector = new Uint8Array(bootSector);
  const pointers = new DataView(sector.buffer);
  pointers.setUint32(place(7), firstSector, true);
  pointers.setUint32(place(8), 0, true);
  return { bootSector: sector, loader: file };
}

function sectorsOf(loader: Uint8Array): number {
  return Math.ceil(loader.length / SECTOR);
}

/** Where the loader takes what its installer has to say, if it is a loader. */
function patchAreaOf(loader: Uint8Array): number | undefined {
  const view = new DataView(loader.buffer, loader.byteOffset, loader.byteLength);
  for (let at = 0; at + 24 <= Math.min(loader.length, SECTOR); at += 4) {
    if (view.getUint32(at, true) !== MAGIC) continue;
    const extended = view.getUint16(at + 22, true);
    return extended + 20 <= loader.length ? at : undefined;
  }
  return undefined;
}

/** Sectors that lie in one piece, as runs of a length that the loader takes. */
function runsFrom(firstSector: number, sectors: number): { sector: number; length: number }[] {
  const runs: { sector: number; length: number }[] = [];
  for (let done = 0; done < sectors; done += MAX_RUN_SECTORS)
    runs.push({ sector: firstSector + done, length: Math.min(sectors - done, MAX_RUN_SECTORS) });
  return runs;
}

/** Its checksum makes all words between head and tail sum up; there are none yet. */
function emptyVector(view: DataView, at: number): void {
  view.setUint32(at, ADV.head, true);
  view.setUint32(at + 4, ADV.checksum, true);
  view.setUint32(at + SECTOR - 4, ADV.tail, true);
}
