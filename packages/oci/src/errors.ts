import { defineErrors, type OrlopError } from '@orlop/core';

/** Every failure of this package. */
export const ociError = defineErrors({
  'oci.bad-reference': 'invalid',
  'oci.bad-digest': 'invalid',
  /** A manifest, index or configuration that is no such thing. */
  'oci.bad-document': 'invalid',
  /** A layer whose members cannot be applied. */
  'oci.bad-layer': 'invalid',
  /** A layer that is larger, or has more members, than the limits allow. */
  'oci.layer-limit': 'invalid',
  'oci.unsupported-media-type': 'invalid',
  /** A file to import is no image archive. */
  'oci.bad-archive': 'invalid',
  /** Content differs from its digest or size. */
  'oci.digest-mismatch': 'integrity',
  'oci.size-mismatch': 'integrity',
  'oci.image-not-found': 'not-found',
  'oci.blob-not-found': 'not-found',
  'oci.platform-not-found': 'not-found',
  /** The folder of the store cannot be used. */
  'oci.store-unusable': 'unavailable',
  'oci.store-busy': 'timeout',
  'oci.store-newer': 'unavailable',
  /** A program of the host is missing. */
  'oci.tool-missing': 'unavailable',
  'oci.registry-unreachable': 'unavailable',
  /** Its name means no address: trying again does not help. */
  'oci.registry-unknown': 'unavailable',
  /** Its certificate is nobody's that is trusted. */
  'oci.registry-untrusted': 'denied',
  'oci.registry-denied': 'denied',
  /** The tag has another image already. */
  'oci.tag-taken': 'conflict',
  'oci.registry-refused': 'failed',
  'oci.registry-answer': 'failed',
  'oci.credentials': 'failed',
  'oci.cancelled': 'cancelled',
});

/** An image that the store was asked for by name. */
export function imageNotFound(name: string): OrlopError {
  return ociError('oci.image-not-found', `the store has no image ${name}`, {
    hint: 'orlop cache ls shows the images there are; orlop cache pull gets one',
  });
}
