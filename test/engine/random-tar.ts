import { randomBytes } from 'node:crypto';

export interface RandomTarOptions {
  /** Sees each piece that is given out. */
  readonly see?: (chunk: Uint8Array) => void;
  /** Ends after so many bytes of the file. @default its size */
  readonly untilBytes?: number;
}

/** A tar archive (ustar) with one file `content` of bytes that no compression makes fewer, or the first part of it. */
export async function* randomTar(
  sizeBytes: number,
  { see = () => {}, untilBytes = sizeBytes }: RandomTarOptions = {},
): AsyncGenerator<Uint8Array> {
  const give = (chunk: Uint8Array) => {
    see(chunk);
    return chunk;
  };
  const head = Buffer.alloc(512);
  head.write('content');
  head.write('0000644\x000000000\x000000000\x00', 100);
  head.write(`${sizeBytes.toString(8).padStart(11, '0')}\x0000000000000\x00`, 124);
  head.write('        0', 148);
  head.write('ustar\x0000', 257);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\x00 `, 148);
  yield give(head);
  const pattern = randomBytes(1 << 20);
  for (let done = 0; done < untilBytes; ) {
    pattern.writeUInt32LE((done / pattern.length) >>> 0, 0); // no two pieces are the same
    const chunk = Buffer.from(pattern.subarray(0, Math.min(pattern.length, untilBytes - done)));
    yield give(chunk);
    done += chunk.length;
  }
  if (untilBytes === sizeBytes) yield give(Buffer.alloc(((512 - (sizeBytes % 512)) % 512) + 1024));
}
