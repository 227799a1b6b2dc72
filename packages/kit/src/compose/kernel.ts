import { type ArchiveEntry, bodyBytes, type EntryStream, readTar } from '@orlop/archive';
import { OrlopError } from '@orlop/core';
import { kitError } from '../errors.ts';
import { directoryEntry, fileEntry, type Origin, withOrigin } from './entries.ts';
import { BOOT_CMDLINE, BOOT_FOLDER, BOOT_KERNEL, BOOT_UCODE } from './layout-paths.ts';
import type { KernelPlan } from './rootfs-plan.ts';
import { unpackKernel } from './unpack-kernel.ts';

/** Larger than any kernel as its image has it. */
const MAX_PACKED_KERNEL_BYTES = 512 * 2 ** 20;

/**
 * The kernel's part of the root: `boot/` with its command line, microcode and kernel, and the members of its tar
 * (modules) at the root. All else of its image is left out.
 *
 * @throws OrlopError `kit.no-kernel` when the image lacks what the description names
 */
export async function* kernelEntries(plan: KernelPlan, origin: Origin): EntryStream {
  let kernels = 0;
  let tars = 0;
  for await (const entry of plan.image.entries()) {
    const { header } = entry;
    if (header.name === plan.binary && header.type === 'file') {
      if (++kernels > 1) break;
      yield directoryEntry(BOOT_FOLDER, origin);
      yield fileEntry(BOOT_CMDLINE, plan.cmdline, { origin });
      yield plan.decompress
        ? await decompressed(entry, plan, origin)
        : {
            header: withOrigin({ ...header, name: BOOT_KERNEL, linkCount: 1 }, origin),
            body: entry.body,
          };
    } else if (header.name === plan.ucode && header.type === 'file') {
      yield {
        header: withOrigin({ ...header, name: BOOT_UCODE, linkCount: 1 }, origin),
        body: entry.body,
      };
    } else if (header.name === plan.tar && header.type === 'file') {
      tars++;
      for await (const member of readMembers(entry, `${plan.tar} of ${plan.image.reference}`)) {
        if (member.header.name === '') continue;
        yield { header: withOrigin(member.header, origin), body: member.body };
      }
    }
  }
  const { reference } = plan.image;
  if (kernels === 0) {
    throw kitError(
      'kit.no-kernel',
      `did not find kernel in kernel image: ${reference} has no file "${plan.binary}"`,
      {
        hint: 'name the file by "binary:" under "kernel:"',
      },
    );
  }
  if (plan.tar !== undefined && tars === 0) {
    throw kitError(
      'kit.no-kernel',
      `did not find kernel tar in kernel image: ${reference} has no file "${plan.tar}"`,
      {
        hint: 'say "tar: none" under "kernel:" if the kernel needs no modules',
      },
    );
  }
}

/** What is wrong with the archive is said with its name. */
async function* readMembers({ body }: ArchiveEntry, subject: string): EntryStream {
  try {
    yield* readTar(body);
  } catch (cause) {
    if (!(cause instanceof OrlopError) || !cause.code.startsWith('archive.')) throw cause;
    throw kitError('kit.invalid-image', `${subject}: ${cause.message}`, { cause });
  }
}

/** The packed kernel is in memory for this, some 10 to 60 MB; the unpacked one streams. */
async function decompressed(entry: ArchiveEntry, plan: KernelPlan, origin: Origin): Promise<ArchiveEntry> {
  const { mode, uid, gid, sizeBytes } = entry.header;
  const subject = `the kernel of ${plan.image.reference}`;
  const hint = 'build without --decompress-kernel';
  if (sizeBytes > MAX_PACKED_KERNEL_BYTES) {
    throw kitError('kit.kernel-compression', `${subject} is ${sizeBytes} bytes`, { hint });
  }
  const kernel = await unpackKernel(await bodyBytes(entry), subject);
  const { header } = fileEntry(BOOT_KERNEL, '', { origin, mode, uid, gid });
  return { header: { ...header, sizeBytes: kernel.sizeBytes }, body: kernel.content() };
}
