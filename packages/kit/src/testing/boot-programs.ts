/** The least that is a PE program with one section, and room in its headers for more. */
export function emptyProgram(): Uint8Array {
  const bytes = new Uint8Array(8192);
  const view = new DataView(bytes.buffer);
  const [coffAt, optionalBytes] = [0x80, 112];
  view.setUint16(0, 0x5a4d, true);
  view.setUint32(0x3c, coffAt, true);
  view.setUint32(coffAt, 0x4550, true);
  view.setUint16(coffAt + 6, 1, true);
  view.setUint16(coffAt + 20, optionalBytes, true);
  const optionalAt = coffAt + 24;
  view.setUint32(optionalAt + 32, 4096, true);
  view.setUint32(optionalAt + 36, 512, true);
  view.setUint32(optionalAt + 60, 4096, true);
  const sectionAt = optionalAt + optionalBytes;
  view.setUint32(sectionAt + 8, 4096, true);
  view.setUint32(sectionAt + 12, 4096, true);
  return bytes;
}

/** The least that syslinux's installer can be known by: a boot sector, a loader with its places, and `module`. */
export function smallSyslinux(module: Uint8Array): Uint8Array {
  const [sector, loaderBytes, magic] = [512, 2048, 0x3eb202fe];
  const bytes = new Uint8Array(100 + sector + loaderBytes + module.length);
  const boot = new DataView(bytes.buffer, 100, sector);
  bytes.set(new TextEncoder().encode('SYSLINUX'), 103);
  boot.setUint32(504, magic, true);
  boot.setUint16(510, 0xaa55, true);
  const loader = new DataView(bytes.buffer, 100 + sector, loaderBytes);
  const [area, extended] = [24, 64];
  loader.setUint32(area, magic, true);
  loader.setUint16(area + 22, extended, true);
  // Vectors at 600; runs of sectors at 700, of which there may be ten; the boot sector's pointers at 200 and 210.
  for (const [n, place] of [600, 0, 0, 0, 0, 700, 10, 200, 210].entries())
    loader.setUint16(extended + 2 * n, place, true);
  bytes.set(module, 100 + sector + loaderBytes);
  return bytes;
}
