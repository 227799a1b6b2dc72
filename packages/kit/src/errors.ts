import { defineErrors } from '@orlop/core';

/** Every code of the package `kit`. */
export const kitError = defineErrors({
  'kit.invalid-yaml': 'invalid',
  'kit.invalid-label': 'invalid',
  'kit.source-unreadable': 'not-found',
  'kit.source-unavailable': 'unavailable',
  'kit.invalid-option': 'invalid',
  'kit.invalid-substitution': 'invalid',
  'kit.unknown-format': 'invalid',
  'kit.same-output': 'invalid',
  'kit.image-not-found': 'not-found',
  'kit.no-kernel': 'invalid',
  'kit.kernel-compression': 'invalid',
  'kit.invalid-image': 'invalid',
  'kit.invalid-input-tar': 'invalid',
  'kit.file-changed': 'conflict',
  'kit.no-sbom': 'not-found',
  'kit.invalid-lock': 'invalid',
  'kit.not-locked': 'conflict',
  'kit.lock-differs': 'conflict',
  'kit.output-failed': 'failed',
  'kit.compressor-failed': 'failed',
});
