/** CRC-32 of reversed polynomials, eight bytes a step ("slicing by 8"). */
function makeCrc32(polynomial: number): (bytes: Uint8Array, seed?: number) => number {
  const tables = new Uint32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    tables[n] = c;
  }
  for (let n = 0; n < 256; n++) {
    for (let t = 1; t < 8; t++) {
      const previous = tables[(t - 1) * 256 + n] as number;
      tables[t * 256 + n] = (previous >>> 8) ^ (tables[previous & 0xff] as number);
    }
  }
  const T = tables as unknown as readonly number[];
  return (bytes, seed = 0) => {
    let c = ~seed;
    let i = 0;
    const b = bytes as unknown as readonly number[];
    for (const end = bytes.length - 7; i < end; i += 8) {
      const low =
        c ^
        ((b[i] as number) |
          ((b[i + 1] as number) << 8) |
          ((b[i + 2] as number) << 16) |
          ((b[i + 3] as number) << 24));
      c =
        (T[1792 + (low & 0xff)] as number) ^
        (T[1536 + ((low >>> 8) & 0xff)] as number) ^
        (T[1280 + ((low >>> 16) & 0xff)] as number) ^
        (T[1024 + (low >>> 24)] as number) ^
        (T[768 + (b[i + 4] as number)] as number) ^
        (T[512 + (b[i + 5] as number)] as number) ^
        (T[256 + (b[i + 6] as number)] as number) ^
        (T[b[i + 7] as number] as number);
    }
    for (; i < bytes.length; i++) c = (c >>> 8) ^ (T[(c ^ (b[i] as number)) & 0xff] as number);
    return ~c >>> 0;
  };
}

/** ISO 3309 (gzip, GPT): `seed` is the value of the bytes before. */
export const crc32: (bytes: Uint8Array, seed?: number) => number = makeCrc32(0xedb88320);

/** Castagnoli, RFC 3720 appendix B.4 (ext4, VHDX): `seed` is the value of the bytes before. */
export const crc32c: (bytes: Uint8Array, seed?: number) => number = makeCrc32(0x82f63b78);
