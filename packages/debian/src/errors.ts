import { defineErrors } from '@orlop/core';

export const debianError = defineErrors({
  'debian.invalid-definition': 'invalid',
  'debian.no-definition': 'not-found',
  /** No docker program, or no engine behind it. */
  'debian.docker-missing': 'unavailable',
  'debian.docker-failed': 'failed',
  /** A hash is asked for that only git has. */
  'debian.not-in-git': 'not-found',
  'debian.architecture-unsupported': 'invalid',
  'debian.tool-missing': 'unavailable',
  'debian.tool-failed': 'failed',
  'debian.no-sources': 'unavailable',
  'debian.no-room': 'unavailable',
  'debian.update-failed': 'unavailable',
  /** The archive's indexes are others than its signed Release says. */
  'debian.mirror-inconsistent': 'unavailable',
  'debian.bad-setting': 'invalid',
  'debian.unsolvable': 'invalid',
  'debian.download-failed': 'unavailable',
  'debian.package-corrupt': 'integrity',
  'debian.layer-conflict': 'invalid',
  'debian.library-missing': 'invalid',
  'debian.unmatched-pattern': 'invalid',
  'debian.source-missing': 'not-found',
  'debian.module-invalid': 'invalid',
  /** A module's source does not compile, or not for this kernel. */
  'debian.module-failed': 'failed',
  'debian.kernel-missing': 'invalid',
  'debian.cancelled': 'cancelled',
});
