import { ociError } from './errors.ts';

/** What an image may cost whoever flattens it. */
export interface LayerLimits {
  /** Uncompressed bytes of one layer. @default 64 GiB */
  readonly maxLayerBytes?: number;
  /** Members of all layers. @default 2_000_000 */
  readonly maxEntries?: number;
  /** Device nodes of all layers. @default 10_000 */
  readonly maxDevices?: number;
  /**
   * Uncompressed bytes for one compressed byte, of layers over `ratioFreeBytes`: a gigabyte of zeros is
   * somebody's swap file, ten of them from a small download are an attack. @default 200
   */
  readonly maxRatio?: number;
  /** @default 1 GiB */
  readonly ratioFreeBytes?: number;
}

export const DEFAULT_LAYER_LIMITS: Required<LayerLimits> = {
  maxLayerBytes: 64 * 2 ** 30,
  maxEntries: 2_000_000,
  maxDevices: 10_000,
  maxRatio: 200,
  ratioFreeBytes: 2 ** 30,
};

/** The most that a layer of that compressed size may hold. */
export function mostContent(limits: Required<LayerLimits>, compressedBytes: number): number {
  return Math.min(limits.maxLayerBytes, ratioBound(limits, compressedBytes));
}

/** Passes a layer's uncompressed content on, as long as it stays within the limits. */
export async function* withinLimits(
  source: AsyncIterable<Uint8Array>,
  {
    limits,
    compressedBytes,
    subject,
  }: { limits: Required<LayerLimits>; compressedBytes: number; subject: string },
): AsyncGenerator<Uint8Array> {
  const mostByRatio = ratioBound(limits, compressedBytes);
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    if (total > limits.maxLayerBytes)
      throw ociError('oci.layer-limit', `${subject} has over ${limits.maxLayerBytes} bytes uncompressed`);
    if (total > mostByRatio)
      throw ociError(
        'oci.layer-limit',
        `${subject} grows from ${compressedBytes} bytes to over ${mostByRatio}: it looks like a decompression bomb`,
      );
    yield chunk;
  }
}

function ratioBound({ ratioFreeBytes, maxRatio }: Required<LayerLimits>, compressedBytes: number): number {
  return Math.max(ratioFreeBytes, compressedBytes * maxRatio);
}
