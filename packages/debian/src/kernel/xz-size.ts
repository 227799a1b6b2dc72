/** Stream footer of the .xz format: CRC, backward size, flags, and the magic "YZ". The .xz File Format, 2.1.2. */
const FOOTER_BYTES = 12;
/** Of a block the index says two sizes, each in a byte or more. */
const RECORD_BYTES = 2;

/**
 * The size of what an .xz file of one stream holds, read from its index without decompressing. The .xz File
 * Format, section 4. Undefined when the bytes are no such file.
 */
export function xzContentSize(bytes: Uint8Array): number | undefined {
  const end = bytes.length - FOOTER_BYTES;
  if (end < FOOTER_BYTES || bytes[bytes.length - 2] !== 0x59 || bytes[bytes.length - 1] !== 0x5a)
    return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = end - (view.getUint32(end + 4, true) + 1) * 4;
  // The index begins with a zero where a block would give the size of its header.
  if (start < 0 || bytes[start] !== 0) return undefined;
  let at = start + 1;
  const next = () => {
    let value = 0;
    for (let shift = 0; at < end; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  const records = next();
  if (!(records <= (end - at) / RECORD_BYTES)) return undefined;
  let total = 0;
  for (let record = 0; record < records; record++) {
    next(); // the size of the compressed block
    total += next();
  }
  return Number.isSafeInteger(total) ? total : undefined;
}
