import { ociError } from '../errors.ts';
import type { HttpResponse } from './transport.ts';

/** A small answer's body. @throws OrlopError oci.registry-answer when it is over `most` bytes */
export async function readAll(answer: HttpResponse, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  try {
    for await (const chunk of answer.body) {
      total += chunk.length;
      if (total > most) {
        answer.drop();
        throw ociError('oci.registry-answer', `${answer.url.host} answers with over ${most} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'OrlopError') throw cause;
    throw ociError('oci.registry-unreachable', `${answer.url.host} broke off its answer`, { cause });
  }
  return Buffer.concat(chunks);
}
