import { open, readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import type { OrlopError } from '@orlop/core';
import type { Boot, DiskFormat } from '@orlop/vm';
import { cliError } from '../errors.ts';

/** What the user says about the form of an image; nothing, mostly. */
export interface ImageHints {
  readonly kernel: boolean;
  readonly squashfs: boolean;
  readonly iso: boolean;
  readonly uefi: boolean;
}

export interface RunnableImage {
  readonly boot: Boot;
  readonly uefi: boolean;
}

/** Roots that are attached as a disk beside a kernel, in the order in which they are looked for. */
const rootSuffixes = ['-squashfs.img', '-erofs.img', '-ext4.img'] as const;

/** Formats of disks by the ends of their names. A guest can write its disk, so its content says nothing sure. */
const diskFormats: Readonly<Record<string, DiskFormat>> = {
  '.qcow2': 'qcow2',
  '.vmdk': 'vmdk',
  '.vhd': 'vpc',
  '.vhdx': 'vhdx',
  '.vdi': 'vdi',
};

/** The names that `orlop build` gives its outputs, for the hint when none is there. */
const buildSuffixes = [
  '-kernel',
  '.iso',
  '-efi.iso',
  '-efi-initrd.iso',
  '-bios.img',
  '-efi.img',
  '.qcow2',
  '-efi.qcow2',
  '.raw',
  '.vmdk',
  '-sparse.vmdk',
  '.vhd',
  '.vhdx',
  '.vdi',
  '.efi',
];

/**
 * Finds out what PATH is, as LinuxKit does: an ISO by its end, else PATH-kernel with an initrd or a root file system
 * beside it, else a disk.
 * @throws OrlopError `run.no-image`
 */
export async function findImage(path: string, hints: ImageHints): Promise<RunnableImage> {
  const whole = await isFile(path);
  if (hints.iso || (whole && path.endsWith('.iso'))) {
    if (!whole) throw noImage(path, `there is no file "${path}"`);
    return { boot: { kind: 'iso', path }, uefi: hints.uefi || isEfiName(path) };
  }
  if (hints.kernel || hints.squashfs || (!whole && (await isFile(`${path}-kernel`)))) {
    return { boot: await kernelBoot(path, hints), uefi: hints.uefi };
  }
  if (whole && path.endsWith('.efi')) {
    // A unified kernel image: a program for UEFI that has its command line and initrd within.
    return { boot: { kind: 'kernel', kernelPath: path, cmdline: '' }, uefi: true };
  }
  if (whole) {
    const format = diskFormats[extname(path)] ?? 'raw';
    if (format === 'raw' && !(await mayBoot(path))) {
      throw noImage(
        path,
        `"${path}" is no image that boots: neither an ISO, nor a disk with a boot record`,
        'name what `orlop build` wrote; the end of a name says the form of other disks: .qcow2, .vmdk, …',
      );
    }
    return { boot: { kind: 'disk', path, format }, uefi: hints.uefi || isEfiName(path) };
  }
  const beside: string[] = [];
  for (const suffix of buildSuffixes) {
    if (await isFile(`${path}${suffix}`)) beside.push(`${path}${suffix}`);
  }
  const only = beside[0];
  if (beside.length === 1 && only !== undefined) return findImage(only, hints);
  throw noImage(
    path,
    (await isFolder(path))
      ? `"${path}" is a folder`
      : `there is no image "${path}": neither that file nor "${path}-kernel"`,
    beside.length === 0 ? 'make one with `orlop build`' : `there are: ${beside.join(', ')}`,
  );
}

async function kernelBoot(path: string, hints: ImageHints): Promise<Boot> {
  const kernelPath = `${path}-kernel`;
  if (!(await isFile(kernelPath))) throw noImage(path, `there is no kernel "${kernelPath}"`);
  const cmdline = (await readFile(`${path}-cmdline`, 'utf8').catch(() => '')).trim();
  const wholeInitrd = (await isFile(`${path}-initrd.img`)) ? `${path}-initrd.img` : undefined;
  const rootInitrd = (await isFile(`${path}-root-initrd.img`)) ? `${path}-root-initrd.img` : undefined;
  let rootPath: string | undefined;
  for (const suffix of hints.squashfs ? (['-squashfs.img'] as const) : rootSuffixes) {
    if (rootPath === undefined && !hints.kernel && (await isFile(`${path}${suffix}`)))
      rootPath = `${path}${suffix}`;
  }
  // An ISO beside a kernel may be an image of its own; it is the kernel's root where one is asked for.
  const asksForRoot = /(^|\s)root=/.test(cmdline);
  const wantsRoot = asksForRoot || (rootInitrd !== undefined && wholeInitrd === undefined);
  if (rootPath === undefined && !hints.kernel && wantsRoot && (await isFile(`${path}.iso`)))
    rootPath = `${path}.iso`;
  const initrdPath = rootPath === undefined ? wholeInitrd : (rootInitrd ?? wholeInitrd);
  if (rootPath === undefined && initrdPath === undefined) {
    throw noImage(path, `"${kernelPath}" has neither an initrd "${path}-initrd.img" nor a root beside it`);
  }
  const needsRoot = rootPath !== undefined && !asksForRoot;
  return {
    kind: 'kernel',
    kernelPath,
    ...(initrdPath === undefined ? {} : { initrdPath }),
    ...(rootPath === undefined ? {} : { rootPath }),
    cmdline: needsRoot ? `${cmdline} root=/dev/vda`.trim() : cmdline,
  };
}

/** By the names of `orlop build`; Hyper-V, which VHDX is for, starts its machines through UEFI. */
function isEfiName(path: string): boolean {
  return /-efi(-initrd)?\.[a-z0-9]+$|\.vhdx$/.test(path);
}

function noImage(
  path: string,
  message: string,
  hint = 'see the files beside it: `orlop build` names what it wrote',
): OrlopError {
  return cliError('run.no-image', message, {
    hint: path.startsWith('-') ? 'options come before the path' : hint,
  });
}

/** Firmware of either kind reads nothing from a disk whose first sector does not end so (UEFI 2.10 §5.2.1). */
async function mayBoot(path: string): Promise<boolean> {
  const sector = new Uint8Array(512);
  const file = await open(path);
  try {
    await file.read(sector);
  } finally {
    await file.close();
  }
  return sector[510] === 0x55 && sector[511] === 0xaa;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile() || found.isBlockDevice(),
    () => false,
  );
}
