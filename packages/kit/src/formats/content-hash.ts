import { createHash, type Hash } from 'node:crypto';
import { recycle } from '@orlop/archive';

/** SHA-256 over a content that nobody else reads: its chunks are recycled. */
export async function hashContent(content: AsyncIterable<Uint8Array>): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const chunk of content) {
    hash.update(chunk);
    recycle(chunk);
  }
  return hash;
}
