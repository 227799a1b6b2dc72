import { gunzipSync } from 'node:zlib';
import { type ArchiveEntry, type EntryStream, readTar } from '@orlop/archive';
import { unzstd } from '@orlop/oci';
import { kitError } from '../errors.ts';
import { directoryEntry, fileEntry, type Origin, withOrigin } from './entries.ts';
import { BOOT_CMDLINE, BOOT_FOLDER, BOOT_KERNEL, BOOT_UCODE } from './layout-paths.ts';
import type { KernelPlan } from './rootfs-plan.ts';

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
      for await (const member of readTar(entry.body)) {
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

/** A whole kernel is in memory for this: some 10 to 60 MB. */
const MAX_KERNEL_BYTES = 512 * 2 ** 20;

async function decompressed(entry: ArchiveEntry, plan: KernelPlan, origin: Origin): Promise<ArchiveEntry> {
  const { header } = entry;
  if (header.sizeBytes > MAX_KERNEL_BYTES) {
    throw kitError(
      'kit.kernel-compression',
      `the kernel of ${plan.image.reference} is ${header.sizeBytes} bytes`,
    );
  }
  const packed = new Uint8Array(header.sizeBytes);
  let filled = 0;
  for await (const chunk of entry.body) {
    packed.set(chunk, filled);
    filled += chunk.length;
  }
  const kernel = await decompressKernel(packed, plan.image.reference);
  return fileEntry(BOOT_KERNEL, kernel, { origin, mode: header.mode, uid: header.uid, gid: header.gid });
}

/**
 * The kernel inside a file that gzip or zstd made, or inside a bzImage of boot protocol 2.08 and later
 * (Documentation/arch/x86/boot.rst: payload_offset and payload_length).
 */
export async function decompressKernel(packed: Uint8Array, reference: string): Promise<Uint8Array> {
  const fail = (why: string, cause?: unknown) =>
    kitError('kit.kernel-compression', `cannot decompress the kernel of ${reference}: ${why}`, {
      hint: 'build without --decompress-kernel',
      ...(cause === undefined ? {} : { cause }),
    });
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let payload = packed;
  // Unlike gzip, other compressions have no length at their end, so Linux appends one.
  let appended = 0;
  if (packed.length > 0x250 && view.getUint32(0x202, true) === BZIMAGE_MAGIC) {
    if (view.getUint16(0x206, true) < 0x208) throw fail('its boot protocol is before 2.08');
    const setupSectors = packed[0x1f1] || 4; // 0 means 4, says boot.rst
    const start = (setupSectors + 1) * 512 + view.getUint32(0x248, true);
    payload = packed.subarray(start, start + view.getUint32(0x24c, true));
    appended = 4;
  }
  try {
    if (payload[0] === 0x1f && payload[1] === 0x8b) {
      return gunzipSync(payload, { maxOutputLength: MAX_KERNEL_BYTES });
    }
    if (ZSTD_MAGIC.every((byte, index) => payload[index] === byte)) {
      return await gather(unzstd(once(payload.subarray(0, payload.length - appended))));
    }
  } catch (cause) {
    throw fail('its content is damaged', cause);
  }
  throw fail('it is compressed by neither gzip nor zstd');
}

/** "HdrS" */
const BZIMAGE_MAGIC = 0x53726448;
/** RFC 8878 §3.1.1. */
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function gather(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of content) {
    total += chunk.length;
    if (total > MAX_KERNEL_BYTES) throw new RangeError(`more than ${MAX_KERNEL_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
