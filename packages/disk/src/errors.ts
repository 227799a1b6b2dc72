import { defineErrors } from '@orlop/core';

/** Every failure of this package. */
export const diskError = defineErrors({
  'disk.bad-option': 'invalid',
  'disk.too-small': 'invalid',
  'disk.too-large': 'invalid',
  'disk.bad-name': 'invalid',
  'disk.unsupported-node': 'invalid',
  'disk.size-mismatch': 'integrity',
});
