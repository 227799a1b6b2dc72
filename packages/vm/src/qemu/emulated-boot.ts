import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BZIMAGE_HEADER_BYTES, readBzImagePayload } from '@orlop/archive';
import { vmError } from '../errors.ts';
import { readAt, withFile } from '../file-parts.ts';
import { findProgram } from '../find-program.ts';
import type { MachineFolder } from '../machine-folder.ts';
import type { Boot, MachineSpec } from '../machine-spec.ts';
import { hasPvhEntry } from './pvh-entry.ts';

type KernelBoot = Extract<Boot, { kind: 'kernel' }>;

interface Surroundings {
  readonly folder: MachineFolder;
  readonly searchPath: string;
  readonly signal?: AbortSignal;
}

/** Also the name of the program that undoes it. */
type Packing = 'gzip' | 'zstd';

/** The compressed bytes inside a file. */
interface Packed {
  readonly path: string;
  readonly packing: Packing;
  readonly offsetBytes: number;
  /** Undefined for all that follows. */
  readonly lengthBytes: number | undefined;
}

/** An unpacked file takes at most this part of the guest's memory, since Linux needs as much again for its content. */
const MEMORY_SHARE = 4;
/** What POSIX's `ulimit -f` counts in. */
const ULIMIT_BLOCK_BYTES = 512;
const READ_BYTES = 1 << 20;
const MAGIC_BYTES = 4;

/**
 * What an emulated processor would unpack at a tenth of the host's speed, the host unpacks before: the initial RAM
 * disk, and on amd64 the kernel, which then starts at its PVH entry (QEMU's docs/system/linuxboot and
 * Xen's docs/misc/pvh). For redis-os under TCG that is 2 s of 11.
 *
 * The files are in the machine's folder until {@link removeUnpacked}: QEMU has read or mapped them once its monitor
 * answers. What is packed otherwise, would not fit, or cannot be unpacked stays as it is: Linux has the better words
 * for what is wrong with it.
 *
 * @throws OrlopError `vm.cancelled`
 */
export async function unpackBoot(
  spec: MachineSpec,
  boot: KernelBoot,
  around: Surroundings,
): Promise<KernelBoot> {
  const limitBytes = (spec.memoryMiB * 2 ** 20) / MEMORY_SHARE;
  const put = async (packed: Packed | undefined, name: 'unpackedKernel' | 'unpackedInitrd') =>
    packed !== undefined && (await unpack(packed, around.folder.file(name), { ...around, limitBytes }))
      ? around.folder.file(name)
      : undefined;
  const [kernelPath, initrdPath] = await Promise.all([
    startsDirectly(spec) ? put(await findKernel(boot.kernelPath), 'unpackedKernel') : undefined,
    boot.initrdPath === undefined ? undefined : put(await findInitrd(boot.initrdPath), 'unpackedInitrd'),
  ]);
  return {
    ...boot,
    ...(kernelPath !== undefined && (await hasPvhEntry(kernelPath)) && { kernelPath }),
    ...(initrdPath !== undefined && { initrdPath }),
  };
}

/** Harmless when there is nothing. */
export async function removeUnpacked(folder: MachineFolder): Promise<void> {
  await folder.remove('unpackedKernel');
  await folder.remove('unpackedInitrd');
}

/** Not with a window: what the firmware knows of the screen reaches Linux in the header of a bzImage only. */
function startsDirectly(spec: MachineSpec): boolean {
  return spec.arch === 'amd64' && spec.firmware?.kind !== 'uefi' && spec.display !== 'window';
}

async function findKernel(path: string): Promise<Packed | undefined> {
  return withFile(path, async (file) => {
    const image = readBzImagePayload(await readAt(file, 0, BZIMAGE_HEADER_BYTES));
    if (image === undefined || image.protocol < 0x208) return undefined;
    const { offsetBytes } = image;
    const packing = sniffPacking(await readAt(file, offsetBytes, MAGIC_BYTES));
    if (packing === undefined) return undefined;
    const trailer = packing === 'gzip' ? 0 : image.trailerBytes;
    return { path, packing, offsetBytes, lengthBytes: image.lengthBytes - trailer };
  });
}

/** One that begins with microcode is left alone: that part is not packed. */
async function findInitrd(path: string): Promise<Packed | undefined> {
  return withFile(path, async (file) => {
    const packing = sniffPacking(await readAt(file, 0, MAGIC_BYTES));
    return packing === undefined ? undefined : { path, packing, offsetBytes: 0, lengthBytes: undefined };
  });
}

interface UnpackOptions extends Surroundings {
  readonly limitBytes: number;
}

/** @returns whether `into` holds all of it */
async function unpack(
  { path, packing, offsetBytes, lengthBytes }: Packed,
  into: string,
  { searchPath, signal, limitBytes }: UnpackOptions,
): Promise<boolean> {
  const program = await findProgram(packing, searchPath);
  if (program === undefined) return false;
  const target = await open(into, 'w', 0o600);
  try {
    // The program writes the file itself, at twice the speed of a pipe through this process, so a shell bounds it.
    const bounded = 'ulimit -f "$1"; exec "$2" -dcq';
    const blocks = String(Math.ceil(limitBytes / ULIMIT_BLOCK_BYTES));
    const child = spawn('/bin/sh', ['-c', bounded, 'sh', blocks, program], {
      stdio: ['pipe', target.fd, 'ignore'],
      ...(signal !== undefined && { signal }),
    }) as ChildProcessByStdio<Writable, null, null>;
    const ended = new Promise<boolean>((resolve) => {
      child.once('error', () => resolve(false));
      child.once('close', (status) => resolve(status === 0));
    });
    const source = createReadStream(path, {
      start: offsetBytes,
      ...(lengthBytes !== undefined && { end: offsetBytes + lengthBytes - 1 }),
      highWaterMark: READ_BYTES,
    });
    // A program that ends before its input does has failed, and its status says so.
    await pipeline(source, child.stdin).catch(() => {});
    const isWhole = await ended;
    if (signal?.aborted) throw vmError('vm.cancelled', 'the start was stopped', { cause: signal.reason });
    return isWhole;
  } finally {
    await target.close();
  }
}

function sniffPacking([a, b, c, d]: Uint8Array): Packing | undefined {
  if (a === 0x1f && b === 0x8b) return 'gzip'; // RFC 1952 §2.3.1
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd'; // RFC 8878 §3.1.1
  return undefined;
}
