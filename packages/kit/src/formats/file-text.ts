import type { FileNode } from '@orlop/disk';
import { kitError } from '../errors.ts';

/**
 * A file of a composition as text (UTF-8).
 *
 * @param path what errors call it
 * @throws OrlopError `kit.invalid-image` for one that is larger than any of its kind
 */
export async function fileText(
  file: FileNode,
  { path, maxBytes }: { readonly path: string; readonly maxBytes: number },
): Promise<string> {
  if (file.sizeBytes > maxBytes) {
    throw kitError('kit.invalid-image', `${path} is ${file.sizeBytes} bytes, and none has over ${maxBytes}`);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.open()) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
