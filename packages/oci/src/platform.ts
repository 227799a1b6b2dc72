import { ociError } from './errors.ts';
import type { Platform } from './types.ts';

/** `os/architecture[/variant]`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return `${os}/${architecture}${variant === undefined ? '' : `/${variant}`}`;
}

/** @throws OrlopError oci.bad-reference */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...more] = text.split('/');
  if (!os || !architecture || variant === '' || more.length > 0)
    throw ociError('oci.bad-reference', `${JSON.stringify(text)} is no platform: os/architecture[/variant]`);
  return { os, architecture, ...(variant !== undefined && { variant }) };
}

/**
 * How well `offered` serves `wanted`: 0 not at all, more is better. Without a variant on one side the other's
 * is no obstacle; arm64's `v8` says nothing; an ARM of a lower variant runs on a higher one.
 */
export function platformFit(wanted: Platform, offered: Platform): number {
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return 0;
  const want = significantVariant(wanted);
  const offer = significantVariant(offered);
  if (want === offer) return 100;
  if (offer === undefined) return 50;
  const offerRank = variantRank(offer);
  if (want === undefined) return 10 + offerRank;
  const wantRank = variantRank(want);
  return offerRank > 0 && offerRank < wantRank ? 10 + offerRank : 0;
}

function significantVariant({ architecture, variant }: Platform): string | undefined {
  return architecture === 'arm64' && variant === 'v8' ? undefined : variant;
}

function variantRank(variant: string): number {
  const match = /^v([1-9])$/.exec(variant);
  return match ? Number(match[1]) : 0;
}
