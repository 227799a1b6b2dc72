import { execFile } from 'node:child_process';
import type { DirectoryNode } from '@orlop/disk';
import { BOOT_KERNEL } from '../compose/layout-paths.ts';
import { findFile } from './find-node.ts';
import type { InitrdCompression } from './format.ts';
import { kernelVersion } from './kernel-version.ts';

/** Linux unpacks an initial RAM disk that is compressed by Zstandard from this version on. */
const FIRST_WITH_ZSTD = { major: 5, minor: 9 };

/**
 * What was asked for; else Zstandard, which is compressed in a tenth and unpacked in two thirds of gzip's time
 * (docs/design/0031-initrd.md), where the host has the program and the kernel is not known to be too old.
 */
export async function chooseCompression(
  root: DirectoryNode,
  asked: InitrdCompression | undefined,
): Promise<InitrdCompression> {
  if (asked !== undefined) return asked;
  if (!(await hostHasZstd())) return 'gzip';
  const kernel = findFile(root, BOOT_KERNEL);
  const version = kernel === undefined ? undefined : await kernelVersion(kernel.open());
  if (version === undefined) return 'zstd';
  const { major, minor } = FIRST_WITH_ZSTD;
  return version.major > major || (version.major === major && version.minor >= minor) ? 'zstd' : 'gzip';
}

function hostHasZstd(): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('zstd', ['--version'], { timeout: 10_000 }, (error) => resolve(error === null));
  });
}
