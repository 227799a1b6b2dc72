import { createHash, type Hash } from 'node:crypto';
import { ociError } from './errors.ts';
import type { Digest } from './types.ts';

const HEX_LENGTH = { sha256: 64, sha512: 128 } as const;

/** @throws OrlopError oci.bad-digest */
export function parseDigest(text: string): { algorithm: 'sha256' | 'sha512'; hex: string; digest: Digest } {
  const match = /^(sha256|sha512):([0-9a-f]+)$/.exec(text);
  const algorithm = match?.[1];
  const hex = match?.[2];
  if ((algorithm !== 'sha256' && algorithm !== 'sha512') || hex?.length !== HEX_LENGTH[algorithm])
    throw ociError(
      'oci.bad-digest',
      `${JSON.stringify(text.slice(0, 200))} is no digest: sha256: or sha512: and its lower-case hex digits are expected`,
    );
  return { algorithm, hex, digest: `${algorithm}:${hex}` };
}

/** Whether a text is a digest of an algorithm that OCI registers (image-spec, descriptor.md). */
export function isDigest(text: string): text is Digest {
  return /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(text);
}

/** By SHA-256, of bytes at hand. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A digest that is fed piece by piece. */
export class Digester {
  readonly #algorithm: 'sha256' | 'sha512';
  readonly #hash: Hash;
  #size = 0;

  constructor(algorithm: 'sha256' | 'sha512' = 'sha256') {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  get size(): number {
    return this.#size;
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }

  /** Once only. */
  finish(): Digest {
    return `${this.#algorithm}:${this.#hash.digest('hex')}`;
  }
}

/**
 * Passes a stream on and checks it: it ends with an error, before its last chunk would end it normally, when
 * size or digest differ.
 */
export async function* verified(
  source: AsyncIterable<Uint8Array>,
  { digest, size, subject }: { digest: Digest; size: number; subject: string },
): AsyncGenerator<Uint8Array> {
  const digester = new Digester(parseDigest(digest).algorithm);
  for await (const chunk of source) {
    digester.update(chunk);
    if (digester.size > size)
      throw ociError('oci.size-mismatch', `${subject} is larger than the ${size} bytes it should have`);
    yield chunk;
  }
  if (digester.size !== size)
    throw ociError('oci.size-mismatch', `${subject} has ${digester.size} bytes, not ${size}`);
  const actual = digester.finish();
  if (actual !== digest)
    throw ociError('oci.digest-mismatch', `${subject} has the digest ${actual}, not ${digest}`, {
      hint: 'remove the image and get it again',
    });
}
