import type { Architecture } from '@orlop/core';

/** QEMU's program for an architecture, and the Debian package that holds it. */
export const qemuPrograms: Readonly<Record<Architecture, { name: string; debianPackage: string }>> = {
  amd64: { name: 'qemu-system-x86_64', debianPackage: 'qemu-system-x86' },
  arm64: { name: 'qemu-system-aarch64', debianPackage: 'qemu-system-arm' },
  riscv64: { name: 'qemu-system-riscv64', debianPackage: 'qemu-system-misc' },
};

export const qemuImgProgram = { name: 'qemu-img', debianPackage: 'qemu-utils' } as const;

/** It must be there before QEMU is asked to save: of its children's words QEMU tells nothing. */
export const zstdProgram = { name: 'zstd', debianPackage: 'zstd' } as const;

/** Where distributions put virtiofsd: the Rust one first, then the C one of QEMU up to 7.2. */
export const virtiofsdPaths = [
  'virtiofsd',
  '/usr/libexec/virtiofsd',
  '/usr/lib/virtiofsd',
  '/usr/lib/qemu/virtiofsd',
] as const;

/** Where QEMU's firmware descriptions are (QEMU: docs/interop/firmware.json); earlier folders win. */
export const firmwareFolders = [
  '/etc/qemu/firmware',
  '/usr/local/share/qemu/firmware',
  '/usr/share/qemu/firmware',
] as const;
