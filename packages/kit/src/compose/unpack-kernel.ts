import { bytesBody, readBzImagePayload } from '@orlop/archive';
import { decompress } from '@orlop/oci';
import { kitError } from '../errors.ts';

/** A kernel without the compression around it: on x86 the ELF file `vmlinux`, with what Linux appended to it. */
export interface UnpackedKernel {
  readonly sizeBytes: number;
  /** Streams it; each call decompresses anew. */
  content(): AsyncIterable<Uint8Array>;
}

/** Larger than any kernel. What grows beyond is a decompression bomb. */
const MAX_KERNEL_BYTES = 512 * 2 ** 20;
const GZIP_MAGIC = [0x1f, 0x8b];
/** RFC 8878 §3.1.1. */
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

/**
 * Finds the kernel inside a file that gzip or zstd made, or inside a bzImage of boot protocol 2.08 and later
 * (Documentation/arch/x86/boot.rst: payload_offset and payload_length), and decompresses it once, for its size.
 *
 * @param subject the kernel in errors, e.g. `the kernel of orlop/kernel:latest`
 * @throws OrlopError `kit.kernel-compression`; `oci.tool-missing` where zstd is needed and not installed
 */
export async function unpackKernel(packed: Uint8Array, subject: string): Promise<UnpackedKernel> {
  const fail = (why: string, cause?: unknown) =>
    kitError('kit.kernel-compression', `cannot decompress ${subject}: ${why}`, {
      ...(cause === undefined ? {} : { cause }),
    });
  if (packed.length > MAX_KERNEL_BYTES) throw fail(`it has ${packed.length} bytes`);
  const image = readBzImagePayload(packed);
  if (image !== undefined && image.protocol < 0x208) throw fail('its boot protocol is before 2.08');
  const payload =
    image === undefined ? packed : packed.subarray(image.offsetBytes, image.offsetBytes + image.lengthBytes);
  const isZstd = startsWith(payload, ZSTD_MAGIC);
  if (!isZstd && !startsWith(payload, GZIP_MAGIC)) throw fail('it is compressed by neither gzip nor zstd');
  const stream = isZstd ? payload.subarray(0, payload.length - (image?.trailerBytes ?? 0)) : payload;
  const content = () => decompress(bytesBody(stream), { subject });
  let sizeBytes = 0;
  try {
    for await (const chunk of content()) {
      sizeBytes += chunk.length;
      if (sizeBytes > MAX_KERNEL_BYTES) throw fail(`it grows to over ${MAX_KERNEL_BYTES} bytes`);
    }
  } catch (cause) {
    if (isDamage(cause)) throw fail('its content is damaged', cause);
    throw cause;
  }
  return { sizeBytes, content };
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}

function isDamage(cause: unknown): boolean {
  const code = (cause as { readonly code?: unknown }).code;
  return code === 'oci.bad-layer' || code === 'oci.layer-limit';
}
