/** "HdrS": a bzImage, Documentation/arch/x86/boot.rst. */
const BZIMAGE_MAGIC = 0x53726448;
/** The setup code, which has the version in it, is at most 64 sectors. */
const SETUP_BYTES = 64 * 1024;

/** The version that a kernel file tells of itself: x86 only, as others do not. */
export async function kernelVersion(
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly major: number; readonly minor: number } | undefined> {
  const head = await readHead(content);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 0x210 || view.getUint32(0x202, true) !== BZIMAGE_MAGIC) return undefined;
  // kernel_version: a pointer, less 0x200, to a text that ends in a NUL.
  const start = view.getUint16(0x20e, true) + 0x200;
  const text = new TextDecoder('latin1').decode(head.subarray(start, start + 64));
  const match = /^([0-9]+)\.([0-9]+)/.exec(text);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

async function readHead(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of content) {
    chunks.push(chunk);
    total += chunk.length;
    if (total >= SETUP_BYTES) break;
  }
  return Buffer.concat(chunks);
}
